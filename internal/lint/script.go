package lint

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// copies are programs that copy files without SQLite's locks.
var copies = set("cp rsync tar zip gzip xz zstd bzip2 pigz 7z rclone restic borg scp rdiff-backup duplicity kopia aws s3cmd mc gsutil gcloud az azcopy cat dd mv install pax cpio bsdtar")

// utilities are programs of which a script may consist and be no application.
var utilities = set("cp rsync tar zip gzip xz zstd bzip2 pigz 7z rclone restic borg scp rdiff-backup duplicity kopia aws s3cmd mc gsutil gcloud az azcopy cat dd mv install pax cpio bsdtar " +
	"sqlite3 sqlite3_rsync sh bash ash sleep while until do done date find rm mkdir echo true false : apk apt-get apt yum if then else elif fi for in cd set [ [[ test exit trap ls chmod chown crond cron crontab supercronic touch export printf exec env timeout nice ionice curl wget sha256sum md5sum wait kill nproc head tail sort xargs ssh gpg age openssl break continue read local return eval source .")

func set(words string) map[string]bool {
	all := map[string]bool{}
	for _, word := range strings.Fields(words) {
		all[word] = true
	}
	return all
}

var (
	separators    = regexp.MustCompile(`&&|\|\||;|\n| & | \| `)
	substitutions = regexp.MustCompile("\\$\\([^()]*\\)|`[^`]*`")
)

// maxScript is how many bytes of a command are looked at.
const maxScript = 32 << 10

// commandsOf splits a shell script into simple commands, without quotes, shells
// and words of control. It is no parser: what it cannot split it leaves whole.
func commandsOf(script string) [][]string {
	var all [][]string
	script = strings.NewReplacer(`"`, "", `'`, "", "\\\n", " ", "${", "$", "}", "").Replace(script)
	script = substitutions.ReplaceAllString(script, "$$SUBSTITUTED")
	for _, command := range separators.Split(script, -1) {
		words := strings.Fields(command)
		for len(words) > 1 && leads[words[0]] || len(words) > 1 && strings.HasPrefix(words[0], "-") {
			words = words[1:]
		}
		if at := slices.IndexFunc(words, func(w string) bool { return copies[path.Base(w)] }); at > 0 && (words[0] == "echo" || words[0] == "printf" || words[0] == "find" && slices.Contains(words, "-exec")) {
			if words[0] == "find" {
				words = []string{words[at], words[1], "COPY"} // what find finds there
			} else {
				words = words[at:] // a line for cron
			}
		}
		if len(words) > 0 {
			if !strings.Contains(words[0], "=") {
				words[0] = path.Base(words[0])
			}
			all = append(all, words)
		}
	}
	return all
}

// leads are words before the program of a command.
var leads = set("sh bash ash /bin/sh /bin/bash /bin/ash do then else if while until exec nice ionice sudo env time ( { ! eval nohup")

// backupWords are SQLite's own ways to copy a live database (https://sqlite.org/backup.html).
var backupWords = regexp.MustCompile(`(?i)\.backup\b|\.clone\b|\.dump\b|vacuum\s+into|sqlite3_rsync|sqlite_backup|litestream`)

var checkpointWords = regexp.MustCompile(`(?i)wal_checkpoint`)

// stopWords stop the application while a script copies.
var stopWords = regexp.MustCompile(`(?i)docker(?:-|\s+)(?:compose\s+)?(?:stop|pause)|compose\s+(?:stop|pause|down)|replicas=0|systemctl\s+stop`)

// scriptRole returns the role of a container whose commands are only utilities.
func scriptRole(scripts []Setting) (role, bool) {
	text, copying := "", false
	for _, s := range scripts {
		text += s.Value + "\n"
	}
	commands := commandsOf(text)
	for _, words := range commands {
		if name := words[0]; !utilities[name] && !strings.Contains(name, "=") && !strings.HasPrefix(name, "$") && !strings.ContainsAny(name, "()*[]{}") && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".sh") {
			return 0, false
		}
		copying = copying || copies[words[0]]
	}
	switch {
	case len(commands) == 0:
	case backupWords.MatchString(text):
		return backup, true
	case copying:
		return copier, true
	case checkpointWords.MatchString(text):
		return checkpointer, true
	}
	return 0, false
}

// sourcesOf returns what the copying commands of a script read: paths, without
// trailing patterns, and whether a pattern or file named a database.
func sourcesOf(script string) (all []string) {
	if stopWords.MatchString(script) {
		return nil
	}
	for _, words := range commandsOf(script) {
		if !copies[words[0]] || words[0] == "mv" || words[0] == "install" {
			continue
		}
		line := strings.Join(words, " ")
		if excluded := excludes.FindAllString(line, -1); len(excluded) > 0 && strings.Contains(strings.Join(excluded, " "), "db") || strings.Contains(strings.Join(excludes.FindAllString(line, -1), " "), "sqlite") {
			continue
		}
		var paths []string
		for i, word := range words[1:] {
			before := words[i]
			isArchive := words[0] != "cp" && words[0] != "rsync" && strings.HasPrefix(before, "-") && strings.HasSuffix(before, "f") ||
				words[0] == "tar" && i == 1 && strings.HasSuffix(before, "f")
			if strings.HasPrefix(word, "-") || strings.HasPrefix(word, ">") || strings.HasPrefix(before, ">") || isArchive || strings.Contains(word, "://") {
				continue
			}
			paths = append(paths, word)
		}
		switch words[0] {
		case "cp", "rsync", "scp", "zip", "7z", "rclone", "aws", "mc", "gsutil":
			// The last is where the copy goes, but for zip's, which is the first, and for remotes left out above.
			if words[0] == "zip" || words[0] == "7z" {
				paths = paths[min(1, len(paths)):]
			} else if !strings.Contains(line, "://") && len(paths) > 0 {
				paths = paths[:len(paths)-1]
			}
		case "tar", "bsdtar":
			if extracts.MatchString(line) {
				continue
			}
			paths = tarPaths(words, paths)
		case "cat", "dd":
			if !strings.Contains(line, ">") && !strings.Contains(line, "of=") { // into a pipe, or to be read
				paths = slices.DeleteFunc(paths, func(p string) bool { return fileKind(p) == 0 })
			}
		}
		for _, p := range paths {
			if p = strings.TrimPrefix(p, "if="); strings.ContainsAny(p, "/.") {
				all = append(all, p)
			}
		}
	}
	return all
}

var (
	excludes = regexp.MustCompile(`--exclude[= ]\S+`)
	extracts = regexp.MustCompile(`^\S+ (?:-?[a-zA-Z]*x[a-zA-Z]*\b|--extract)`)
)

// tarPaths joins the paths of a tar command to its -C.
func tarPaths(words, paths []string) []string {
	for i, word := range words[:len(words)-1] {
		if word == "-C" || word == "--directory" {
			dir := words[i+1]
			all := []string{}
			for _, p := range paths {
				if p != dir && strings.HasPrefix(p, "/") {
					all = append(all, p)
				} else if p != dir {
					all = append(all, path.Join(dir, p))
				}
			}
			return all
		}
	}
	return paths
}
