package lint

import (
	"regexp"
	"strings"
)

// A network is a kind of file system whose files other hosts may open too.
type network struct {
	Name  string // as a finding shows it
	Worse bool   // it refuses or loses writes even of a single host: SMB, object stores, most of FUSE
	Guess bool   // only a name speaks for it
}

var (
	nfs     = &network{Name: "NFS"}
	smb     = &network{Name: "SMB", Worse: true}
	bucket  = &network{Name: "an object store", Worse: true}
	fuse    = &network{Name: "a network file system over FUSE", Worse: true}
	efs     = &network{Name: "EFS, which is NFS"}
	ceph    = &network{Name: "CephFS"}
	gluster = &network{Name: "GlusterFS", Worse: true}
	shared  = &network{Name: "a shared file system"}
	ninep   = &network{Name: "9p", Worse: true}
)

// networkWords are the words by which network file systems are recognised: whole
// words of a volume's type or driver, of a CSI driver, a provisioner or a storage
// class. The reason is the program or the service of that name.
var networkWords = []struct {
	words string
	is    *network
	why   string
}{
	{"nfs nfs4 nfs3 nfsvers knfsd netshare cloudstor nfs-client nfs-csi nfs-subdir", nfs, "mount types nfs and nfs4, Docker's plugins netshare and cloudstor, the NFS provisioners of Kubernetes"},
	{"efs", efs, "efs.csi.aws.com, rexray/efs, and classes named after them"},
	{"filestore openzfs nas", nfs, "managed NFS: filestore.csi.storage.gke.io, fsx.openzfs.csi.aws.com, and classes named after a NAS"},
	{"cifs smb smb2 smb3 smbfs samba azurefile azurefiles azure-file azure_file", smb, "mount types cifs and smb3, smb.csi.k8s.io, file.csi.azure.com and Azure Files' plugin"},
	{"s3 s3fs s3fs-fuse gcsfuse goofys mountpoint-s3 blobfuse blobfuse2 blob juicefs rclone geesefs ossfs csi-s3", bucket, "object stores mounted as files: s3fs, gcsfuse, blobfuse, rclone, s3.csi.aws.com, blob.csi.azure.com"},
	{"fuse sshfs davfs davfs2 webdav curlftpfs mergerfs seaweedfs moosefs lizardfs ipfs", fuse, "file systems over FUSE whose locks stay on one host"},
	{"cephfs ceph rook-cephfs", ceph, "mount type ceph, cephfs.csi.ceph.com"},
	{"glusterfs gluster", gluster, "mount type glusterfs: its caches are not coherent"},
	{"lustre fsx beegfs gpfs quobyte ocfs2 gfs2 rwx", shared, "file systems that several hosts mount"},
	{"9p virtio virtiofs drvfs", ninep, "files of a virtual machine's host"},
}

var networks = func() map[string]*network {
	all := map[string]*network{}
	for _, row := range networkWords {
		for _, word := range strings.Fields(row.words) {
			all[word] = row.is
		}
	}
	return all
}()

// networkOf returns the network file system that a type, driver, provisioner or
// class is named after; nil if none.
func networkOf(name string) *network {
	name = strings.ToLower(name)
	if is := networks[name]; is != nil {
		return is
	}
	switch {
	case name == "":
		return nil
	case name == "file.csi.azure.com" || name == "kubernetes.io/azure-file":
		return smb
	case strings.HasPrefix(name, "fuse."):
		if is := networks[strings.TrimPrefix(name, "fuse.")]; is != nil {
			return is
		}
		return fuse
	case strings.Contains(name, "cephfs"):
		return ceph
	}
	split := strings.FieldsFunc(name, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9') })
	for _, word := range split {
		if is := networks[word]; is != nil && word != "ceph" { // rbd.csi.ceph.com is a block device
			return is
		}
	}
	return nil
}

// unlocking are mount options with which locks exclude nobody on another host
// (nfs(5): nolock, local_lock; mount.cifs(8): nobrl, nolease does not).
var unlocking = regexp.MustCompile(`(?i)(?:^|[\s,])(nolock|nobrl|local_lock=(?:all|posix|flock)|nolocks|no_posix_lock|localflocks)(?:$|[\s,])`)

// isNFS4 matches options that ask for NFS 4, which has no use for nolock and ignores it (nfs(5)).
var isNFS4 = regexp.MustCompile(`(?i)(?:^|[\s,])(?:nfsvers|vers)=4`)

// networkPaths are host paths that are named after a network file system. A name
// is a guess.
var networkPaths = regexp.MustCompile(`(?i)(?:^|/)(nfs|nas|cifs|smb|samba|efs|s3|gcs|gluster|glusterfs|sshfs|rclone|cephfs|azurefiles?|onedrive|dropbox|gdrive|net)(?:[-_/]|$)`)

// toolbox matches a drive as shells on Windows write it for Docker: //c/Users.
var toolbox = regexp.MustCompile(`^//[A-Za-z]/`)

// bindNetwork returns the network file system that a host path stands on.
func bindNetwork(p string) *network {
	if (strings.HasPrefix(p, `\\`) || strings.HasPrefix(p, "//")) && !toolbox.MatchString(p) {
		return smb
	}
	if m := networkPaths.FindStringSubmatch(p); m != nil && strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "/Users/") {
		guess := network{Name: "a network file system, by its name", Guess: true}
		return &guess
	}
	return nil
}
