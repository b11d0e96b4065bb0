package doctor

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"example.com/contend/internal/units"
)

// A medium is a row of what a journal on a file system means.
type medium struct {
	types []string                // of file systems, as patterns of path.Match
	when  func(m Mount) bool      // nil: whatever the options are
	on    string                  // the journal: "WAL", "rollback", or "" for both
	finds func(m Mount) []Finding // nil: nothing is wrong
}

// option returns a condition: the mount has one of these options.
func option(names ...string) func(Mount) bool {
	return func(m Mount) bool {
		return slices.ContainsFunc(names, func(o string) bool { return slices.Contains(m.Options, o) })
	}
}

func both(conditions ...func(Mount) bool) func(Mount) bool {
	return func(m Mount) bool {
		return !slices.ContainsFunc(conditions, func(c func(Mount) bool) bool { return !c(m) })
	}
}

// nfs3 reports whether locks are a protocol of their own (nfs(5)): nolock and local_lock mean nothing in version 4.
func nfs3(m Mount) bool {
	v, _ := m.Option("vers")
	return m.Type == "nfs" && !strings.HasPrefix(v, "4")
}

// lawless is a file system whose locks exclude nobody on another machine.
func lawless(why, remedy, source string) func(Mount) []Finding {
	return func(m Mount) []Finding {
		return []Finding{{
			Severity:    Danger,
			Sentence:    fmt.Sprintf("The database lies on %s, mounted so that a lock on one machine excludes nobody on another.", m.Type),
			Evidence:    []string{why},
			Consequence: "Two machines write at the same time, and neither gets an error: commits are lost and the file becomes malformed.",
			Remedy:      remedy,
			Source:      source,
		}}
	}
}

// walApart is WAL where the wal-index may be another one for somebody else.
func walApart(severity Severity, sharers, remedy, source string) func(Mount) []Finding {
	return func(m Mount) []Finding {
		return []Finding{{
			Severity:    severity,
			Sentence:    fmt.Sprintf("The database is in WAL mode on %s, and WAL needs memory that all its processes share.", m.Type),
			Consequence: fmt.Sprintf("As soon as %s, each has a wal-index of its own: commits are lost or overwritten, often without an error.", sharers),
			Remedy:      remedy,
			Command:     "sqlite3 DB 'PRAGMA journal_mode=DELETE'",
			Source:      source,
		}}
	}
}

// unseenSide is a file system that others may reach in a way that doctor cannot see.
func unseenSide(severity Severity, sentence, consequence, remedy, source string) func(Mount) []Finding {
	return func(m Mount) []Finding {
		return []Finding{{Severity: severity, Sentence: fmt.Sprintf(sentence, m.Type), Consequence: consequence, Remedy: remedy, Source: source}}
	}
}

const (
	overNet     = "https://sqlite.org/useovernet.html"
	walShared   = "https://sqlite.org/wal.html#overview"
	brokenLocks = "https://sqlite.org/howtocorrupt.html#_filesystems_with_broken_or_missing_lock_implementations"
	local       = "Move the database to a file system of the machine that uses it, or give its data to a server."
)

var (
	network = []string{"nfs", "nfs4", "cifs", "smb3", "smb2", "smbfs", "9p", "virtiofs", "fakeowner", "ceph", "lustre", "gfs2", "ocfs2", "gpfs", "beegfs", "afs", "glusterfs", "orangefs",
		"vboxsf", "vmhgfs", "prl_fs", "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.blobfuse*", "fuse.glusterfs", "fuse.mfs", "fuse.moosefs", "fuse.juicefs", "fuse.JuiceFS*", "fuse.ceph*", "fuse.goofys",
		"fuse.davfs*", "fuse.grpcfuse", "fuse.osxfs", "fuse.vmhgfs*"}
	sound = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "jfs", "nilfs2", "reiserfs", "ntfs3", "vfat", "exfat", "fuseblk", "ubifs"}
)

// media are the rows in their order: the first that fits decides.
var media = []medium{
	{types: sound},
	{[]string{"tmpfs", "ramfs"}, nil, "", unseenSide(Note, "The database lies on %s, in memory.",
		"It is gone when the file system is unmounted or the machine restarts.", "Keep there only what may be lost.", "https://docs.kernel.org/filesystems/tmpfs.html")},
	{[]string{"overlay"}, nil, "", nil}, // layer says more

	{[]string{"nfs"}, both(nfs3, option("nolock", "local_lock=all", "local_lock=posix")), "", lawless(
		"NFS 3 with nolock or local_lock: locks stay on this client.", "Mount it with version 4, or without nolock and local_lock. "+local, "https://man7.org/linux/man-pages/man5/nfs.5.html")},
	{[]string{"nfs", "nfs4"}, nil, "WAL", walApart(Danger, "a second machine opens the database", "Leave WAL mode. "+local, walShared)},
	{[]string{"nfs", "nfs4"}, option("lookupcache=none", "noac"), "", unseenSide(Unknown, "The database lies on %s, and doctor cannot see the other machines that use it.",
		"Locks work here only as well as the server's do.", "Run doctor on every machine that mounts it.", overNet)},
	{[]string{"nfs", "nfs4"}, nil, "", unseenSide(Attention, "The database lies on %s, which caches that a file is not there.",
		"When a machine dies in the midst of a transaction, another may not see its hot journal, and reads half a transaction.",
		"Mount it with lookupcache=none. "+local, "https://man7.org/linux/man-pages/man5/nfs.5.html")},

	{[]string{"cifs", "smb3", "smb2", "smbfs"}, option("nobrl"), "", lawless(
		"nobrl: the client sends no lock to the server.", local, "https://man7.org/linux/man-pages/man8/mount.cifs.8.html")},
	{[]string{"cifs", "smb3", "smb2", "smbfs"}, nil, "WAL", walApart(Danger, "a second machine opens the database", "Leave WAL mode. "+local, walShared)},
	{[]string{"cifs", "smb3", "smb2", "smbfs"}, nil, "", unseenSide(Attention, "The database lies on %s, whose locks are not those of POSIX: they bind one descriptor, also against others of the same process.",
		"SQLite gets SQLITE_BUSY though nobody else has the database open.", local, overNet)},

	{[]string{"9p"}, nil, "WAL", walApart(Danger, "somebody on the other side opens the database", "Leave WAL mode. "+local, walShared)},
	{[]string{"9p"}, nil, "", unseenSide(Attention, "The database lies on %s: locks on this side exclude nobody on the other.",
		"When both sides write, commits are lost and the file becomes malformed.", local, brokenLocks)},
	{[]string{"virtiofs", "fakeowner", "fuse.grpcfuse", "fuse.osxfs"}, nil, "WAL", walApart(Danger, "the other side, or another virtual machine, opens the database", "Leave WAL mode, or use a named volume in place of the bind mount. "+local, walShared)},
	{[]string{"virtiofs", "fakeowner", "fuse.grpcfuse", "fuse.osxfs"}, nil, "", unseenSide(Attention, "The database lies on %s, a directory of the host: whether locks reach the host depends on how it is exported.",
		"Where they do not, two sides that write lose commits.", "Use a named volume in place of the bind mount. "+local, brokenLocks)},
	{network, nil, "WAL", walApart(Danger, "a second machine or mount opens the database", "Leave WAL mode. "+local, walShared)},
	{network, nil, "", unseenSide(Unknown, "The database lies on %s, and doctor cannot see the other machines that use it.",
		"Locks work only as well as those of the file system do.", "Run doctor on every machine that mounts it. "+local, overNet)},
	{[]string{"fuse", "fuse.*"}, nil, "WAL", walApart(Attention, "somebody uses another mount of the same files, or the files behind it", "Have everybody use this one mount, or leave WAL mode.", walShared)},
	{[]string{"fuse", "fuse.*"}, nil, "", unseenSide(Unknown, "The database lies on %s, and doctor cannot see who uses the files behind it.",
		"Locks hold only among those who use this one mount.", "Have everybody use this one mount.", brokenLocks)},
	{[]string{"squashfs", "iso9660", "erofs", "cramfs"}, nil, "", unseenSide(Note, "The database lies on %s, which nobody can write.", "Each write fails.", "Copy the database elsewhere to change it.", "https://sqlite.org/rescode.html#readonly")},
	{[]string{"*"}, nil, "", unseenSide(Unknown, "The database lies on %q, a file system that doctor does not know.",
		"Whether its locks work is not known.", "Find out with two processes that write.", brokenLocks)},
}

// onMedium is what the file system and the journal mean together.
func onMedium(f *Facts) []Finding {
	if f.Mount.Type == "" {
		return nil // said among what could not be seen
	}
	journal := "rollback"
	if f.WAL {
		journal = "WAL"
	}
	for _, row := range media {
		fits := slices.ContainsFunc(row.types, func(p string) bool { ok, _ := path.Match(p, f.Mount.Type); return ok })
		if !fits || row.on != "" && row.on != journal || row.when != nil && !row.when(f.Mount) {
			continue
		}
		if row.finds == nil {
			return nil
		}
		found := row.finds(f.Mount)
		for i := range found {
			found[i].Subject = f.Path
			found[i].Evidence = append(found[i].Evidence, fmt.Sprintf("%s, mounted at %s from %s with %s; journal: %s.",
				f.Mount.Type, f.Mount.Point, f.Mount.Source, strings.Join(f.Mount.Options, ","), journal))
			found[i].Command = strings.ReplaceAll(found[i].Command, "DB", quote(f.Path))
			if dir := path.Dir(f.Path); found[i].Severity != Note && f.Container == "" && quote(dir) == dir {
				found[i].Proof = "contend run busy --quick --dir " + dir
			}
		}
		return found
	}
	return nil
}

// inLayer is a database in the writable layer of a container, or of another overlay.
func inLayer(f *Facts) []Finding {
	upper, _ := f.Mount.Option("upperdir")
	if f.Mount.Type != "overlay" {
		return nil
	}
	in := f.Container
	for i := range f.Holders {
		if h := &f.Holders[i]; in == "" && h.Container != "" && slices.ContainsFunc(h.In(Database), func(o Open) bool { return o.Mount.Type == "overlay" }) {
			in = h.Container
		}
	}
	if in == "" && !strings.Contains(upper, "/docker/") && !strings.Contains(upper, "containers") {
		return []Finding{{
			Severity: Note, Subject: f.Path, Sentence: "The database lies on an overlay.",
			Evidence:    []string{"mounted at " + f.Mount.Point + "."},
			Consequence: "Whoever opens it in the overlay's upper directory has a file of its own for the kernel: locks do not exclude it.",
			Remedy:      "Open it by this path alone.", Source: "https://docs.kernel.org/filesystems/overlayfs.html#non-standard-behavior",
		}}
	}
	return []Finding{{
		Severity: Attention, Subject: f.Path,
		Sentence:    "The database lies in the layer of a container, not on a volume.",
		Evidence:    []string{"overlay, mounted at " + f.Mount.Point + "."},
		Consequence: "It is gone when the container is removed, as docker-compose down does. A second container has a database of its own.",
		Remedy:      "Mount a volume at the database's directory.",
		Command:     "docker run -v NAME:" + quote(path.Dir(f.Path)) + " …",
		Source:      "https://docs.docker.com/engine/storage/volumes/", Proof: "contend run mounts --arm image-layer/WAL --on compose --alone --quick",
	}}
}

// onlyFile is a mount of the database's file alone: its companions stay where they are.
func onlyFile(f *Facts) (all []Finding) {
	for _, m := range f.viewsOf(Database) {
		if m.mount.Point != m.name {
			continue
		}
		finding := Finding{
			Severity: Danger, Subject: m.name,
			Sentence:    fmt.Sprintf("%s is mounted as a single file%s, without its directory.", m.name, m.of()),
			Evidence:    []string{fmt.Sprintf("%s is a mount point: %s of %s is mounted there.", m.mount.Point, m.mount.Root, m.mount.Source)},
			Consequence: "Its -journal lies beside that name, where nobody else sees it: after a crash others read half a transaction, and their commits are rolled back later.",
			Remedy:      "Mount the directory that holds the database in place of the file. First stop all that use it; the last to close moves its -wal into the file.",
			Command:     fmt.Sprintf("docker run -v %s:%s …", quote(path.Dir(f.Path)), quote(path.Dir(m.name))),
			Source:      "https://sqlite.org/howtocorrupt.html#_unlinking_or_renaming_a_database_file_while_in_use", Proof: "contend run mounts --arm single-file-bind/WAL --on compose --alone --quick",
		}
		if f.WAL {
			finding.Consequence = "Its -wal and -shm lie beside that name: whoever has another name for the database does not see these commits, and they are lost with the container."
		}
		all = append(all, finding)
	}
	return all
}

// A view is a name for one of the files.
type view struct {
	name   string
	mount  Mount
	holder *Holder // nil for doctor's own
}

// of says whose view it is, for a sentence.
func (v view) of() string {
	if v.holder == nil {
		return ""
	}
	return " for " + v.holder.String()
}

// viewsOf returns doctor's name and, where they differ, those that the holders have for the file in that role which
// lies at the path now; the name of each mount once.
func (f *Facts) viewsOf(role string) (all []view) {
	file := f.Of(role)
	if file == nil {
		return nil
	}
	if role == Database {
		all = append(all, view{f.Path, f.Mount, nil})
	}
	for i := range f.Holders {
		h := &f.Holders[i]
		for _, o := range h.In(role) {
			if o.ID == file.ID && !slices.ContainsFunc(all, func(v view) bool { return v.name == o.Name && v.mount.ID == o.Mount.ID }) {
				all = append(all, view{o.Name, o.Mount, h})
			}
		}
	}
	return all
}

// otherName is a database that has several names in its file system.
func otherName(f *Facts) []Finding {
	db := f.Of(Database)
	names := map[string]string{} // what a process calls it, by the name in the file system
	for _, v := range f.viewsOf(Database) {
		if v.mount.Type == "" || v.mount.Point == v.name || v.mount.Device != f.Mount.Device {
			continue
		}
		if in := v.mount.within(v.name); in != "" && names[in] == "" {
			names[in] = v.name + v.of()
		}
	}
	if db.Links <= 1 && len(names) <= 1 {
		return nil
	}
	finding := Finding{
		Severity: Attention, Subject: f.Path,
		Sentence:    fmt.Sprintf("The database's file has %s: it is a hard link.", units.Plural(int(db.Links), "name")),
		Consequence: "Whoever opens it by another name makes another -wal and -journal, and loses the commits in this one.",
		Remedy:      "Have everybody open it by one name, and remove the others.",
		Command:     fmt.Sprintf("find %s -xdev -samefile %s", quote(f.Mount.Point), quote(f.Path)),
		Source:      "https://sqlite.org/howtocorrupt.html#_multiple_links_to_the_same_file", Proof: "contend run mounts --arm single-file-bind/WAL --on compose --alone --quick",
	}
	if len(names) > 1 {
		finding.Severity = Danger
		finding.Sentence = "Processes have the database open by different names, each with companions of its own."
		for _, name := range names {
			finding.Evidence = append(finding.Evidence, name+".")
		}
		slices.Sort(finding.Evidence)
	}
	return []Finding{finding}
}

// apart are companions on another mount than the database.
func apart(f *Facts) (all []Finding) {
	for _, file := range f.Files[1:] {
		if file.MountID == f.Files[0].MountID {
			continue
		}
		all = append(all, Finding{
			Severity: Danger, Subject: f.Path + file.Role,
			Sentence:    fmt.Sprintf("The %s file is a mount of its own.", file.Role),
			Evidence:    []string{"It lies on another mount than the database."},
			Consequence: "SQLite cannot delete it and make it anew: processes end up with different ones.",
			Remedy:      "Mount the directory that holds the database in place of its files.",
			Source:      "https://sqlite.org/howtocorrupt.html#_mispairing_database_files_and_hot_journals", Proof: "contend run mounts --arm single-file-bind/WAL --on compose --alone --quick",
		})
	}
	return all
}

// locked out are users who may write the database and not its companions or its directory.
func lockedOut(f *Facts) (found []Finding) {
	type who struct {
		name string
		uid  uint32
		gids []uint32
	}
	db := f.Of(Database).Access
	users := []who{{fmt.Sprintf("user %d, whom the database belongs to,", db.UID), db.UID, []uint32{db.GID}}}
	for i := range f.Holders {
		h := &f.Holders[i]
		if !slices.ContainsFunc(users, func(w who) bool { return w.uid == h.UID }) {
			users = append(users, who{h.String(), h.UID, h.GIDs})
		}
	}
	const read, write, enter = 4, 2, 1
	for _, u := range users {
		if !db.permits(u.uid, u.gids, read|write) {
			continue
		}
		for _, file := range f.Files[1:] {
			if !file.Access.permits(u.uid, u.gids, read|write) {
				found = append(found, Finding{
					Severity: Attention, Subject: f.Path + file.Role,
					Sentence:    fmt.Sprintf("%s may write the database and not its %s file.", capital(u.name), file.Role),
					Evidence:    []string{fmt.Sprintf("%s: user %d, group %d, mode %04o; the database: user %d, group %d, mode %04o.", file.Role, file.Access.UID, file.Access.GID, file.Access.Mode, db.UID, db.GID, db.Mode)},
					Consequence: "It gets SQLITE_READONLY or SQLITE_CANTOPEN (\"unable to open database file\").",
					Remedy:      "Run all processes as one user. Now: give the file the owner and mode of the database.",
					Command:     fmt.Sprintf("chown --reference=%[1]s %[2]s && chmod --reference=%[1]s %[2]s", quote(f.Path), quote(f.Path+file.Role)),
					Source:      "https://sqlite.org/wal.html#readonly",
				})
			}
		}
		if !f.Dir.permits(u.uid, u.gids, write|enter) && f.Dir != (Access{}) {
			found = append(found, Finding{
				Severity: Attention, Subject: path.Dir(f.Path),
				Sentence:    fmt.Sprintf("%s may write the database and not its directory.", capital(u.name)),
				Evidence:    []string{fmt.Sprintf("the directory: user %d, group %d, mode %04o.", f.Dir.UID, f.Dir.GID, f.Dir.Mode)},
				Consequence: "SQLite makes a journal there: each write fails with SQLITE_READONLY or SQLITE_CANTOPEN.",
				Remedy:      "Let that user write the directory.",
				Command:     fmt.Sprintf("chown %d %s", u.uid, quote(path.Dir(f.Path))),
				Source:      "https://sqlite.org/rescode.html#readonly_directory",
			})
		}
	}
	return found
}

// little is a file system that is nearly full, or that cannot be written.
func little(f *Facts) (found []Finding) {
	const least, fewInodes = 16 << 20, 16
	need := uint64(least)
	if wal := f.Of(WALFile); wal != nil {
		need = max(need, uint64(wal.Size)) // a checkpoint moves it into the database
	}
	_, readOnly := f.Mount.Option("ro")
	switch {
	case f.Mount.Type == "":
	case readOnly:
		found = append(found, Finding{
			Severity: Attention, Sentence: "The database lies on a mount that is read-only.",
			Evidence: []string{strings.Join(f.Mount.Options, ",")}, Consequence: "Writes fail with SQLITE_READONLY. In WAL mode reads fail too, where there is no -shm.",
			Remedy: "Mount it writable, or open the database with immutable=1 if nobody else changes it.", Source: "https://sqlite.org/wal.html#readonly",
		})
	case f.Space.Free < need:
		found = append(found, Finding{
			Severity: Attention, Sentence: fmt.Sprintf("The disk has %s left.", bytesText(int64(f.Space.Free))),
			Evidence: []string{fmt.Sprintf("The WAL, or a checkpoint of it, may need %s.", bytesText(int64(need)))}, Consequence: "Writes fail with SQLITE_FULL.",
			Remedy: "Make room on the disk.", Command: "df -h " + quote(path.Dir(f.Path)), Source: "https://sqlite.org/rescode.html#full",
		})
	case f.Space.Counts && f.Space.Inodes < fewInodes:
		found = append(found, Finding{
			Severity: Attention, Sentence: fmt.Sprintf("The disk has %s left.", units.Plural(int64(f.Space.Inodes), "inode")),
			Consequence: "SQLite cannot make a -journal, -wal or -shm: writes fail with SQLITE_CANTOPEN.",
			Remedy:      "Remove files on that disk.", Command: "df -i " + quote(path.Dir(f.Path)), Source: "https://sqlite.org/rescode.html#cantopen",
		})
	}
	for i := range found {
		found[i].Subject = f.Mount.Point
	}
	return found
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// quote writes a word for a shell.
func quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%", r))
	}) {
		return s
	}
	if strings.Contains(s, "\n") { // a command is a line
		return "$'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`).Replace(s) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// bytesText writes a size in bytes: "4.1 MB".
func bytesText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if n >= unit.size {
			return units.Number(float64(n)/float64(unit.size)) + " " + unit.name
		}
	}
	return units.Plural(n, "byte")
}
