package lint

// A Rule is a row of the table of rules.
type Rule struct {
	ID       string
	Headline string // what the answer says if this is the worst finding
	Why      string // what happens, with its source
	Proof    Proof
	check    func(*analysis)
}

// A Proof is the experiment of `contend list` that shows what a rule warns of.
type Proof struct {
	Experiment string
	Arms       []string // patterns of its arms
	Shows      string   // what of the finding the experiment shows, and what it does not
	Containers bool     // it runs with --on compose
}

// Rules are all rules. Of equally bad findings, the answer names the rule that stands first.
var Rules = []Rule{
	{
		ID:       "single-file-mount",
		Headline: "a SQLite file is mounted alone, without the directory of its -wal and -journal",
		Why:      "SQLite writes -wal, -shm and -journal beside the file. Where only the file is mounted they stay in the container: others do not see its commits, and they are lost with it (https://sqlite.org/howtocorrupt.html, 2.4).",
		Proof:    Proof{"mounts", []string{"single-file-bind/WAL"}, "acknowledged rows that are missing when four containers mount the file alone", true},
		check:    singleFileMount,
	},
	{
		ID:       "locks-disabled",
		Headline: "locks on a SQLite file are switched off",
		Why:      "With nolock, nobrl, local_lock, nolock=1 or unix-none, SQLite's locks exclude nobody else. Two writers corrupt the file (https://sqlite.org/howtocorrupt.html, 2.1).",
		Proof:    Proof{"mounts", []string{"single-file-bind/WAL"}, "what writers lose that do not see each other; it does not switch locks off itself", true},
		check:    locksDisabled,
	},
	{
		ID:       "network-filesystem",
		Headline: "a SQLite file lies on a network file system",
		Why:      "WAL needs memory that all processes share, which hosts do not (https://sqlite.org/wal.html, https://sqlite.org/useovernet.html). Locks, caches and fsync of network file systems differ from a disk's: commits are lost, or every write is refused (SMB).",
		Proof:    Proof{"mounts", []string{"single-file-bind/WAL"}, "what WAL loses without a common -shm; it uses a local disk, not your network file system", true},
		check:    networkFileSystem,
	},
	{
		ID:       "replicas-one-file",
		Headline: "replicas of one service write one SQLite file",
		Why:      "One process writes at a time, the others wait or are refused, and a read followed by a write loses updates unless both are one transaction (https://sqlite.org/lang_transaction.html). On several hosts it is worse: see network-filesystem.",
		Proof:    Proof{"lost-update", []string{"separate/5000/WAL/burst", "immediate/5000/WAL/burst"}, "increments that four processes on one host lose, and that BEGIN IMMEDIATE keeps", false},
		check:    replicasOneFile,
	},
	{
		ID:       "own-file-per-replica",
		Headline: "each replica has a SQLite file of its own",
		Why:      "A client sees another database whenever the balancer picks another replica.",
		Proof:    Proof{"mounts", []string{"two-volumes/WAL"}, "nodes behind one balancer that have different rows", true},
		check:    ownFilePerReplica,
	},
	{
		ID:       "copy-of-live-file",
		Headline: "a backup copies a live SQLite file",
		Why:      "cp, tar and rsync take no lock and read the file and its -wal at different moments. The copy lacks commits or is damaged (https://sqlite.org/howtocorrupt.html, 1.2).",
		Proof:    Proof{"checkpoint", nil, "how much of the database is in the -wal alone, which a copy of the file lacks", false},
		check:    copyOfLiveFile,
	},
	{
		ID:       "volatile-storage",
		Headline: "a SQLite file is lost with its container",
		Why:      "What a container writes into its own layer, into tmpfs or into an emptyDir is gone when it is made anew.",
		Proof:    Proof{"mounts", []string{"image-layer/WAL"}, "rows that containers keep in their own layers, and nobody else has", true},
		check:    volatileStorage,
	},
	{
		ID:       "overlap-on-update",
		Headline: "an update lets two versions open one SQLite file",
		Why:      "The new container starts before the old one has ended. On one host its migration meets the old one's writes; on two hosts both write over the network or the update hangs. Kubernetes: strategy Recreate, ReadWriteOncePod; swarm: order stop-first.",
		Proof:    Proof{"lock-wait", nil, "how long the writers of one node wait while another keeps its transaction open, as a migration does", false},
		check:    overlapOnUpdate,
	},
	{
		ID:       "sandboxed-filesystem",
		Headline: "a SQLite file is reached from a sandbox",
		Why:      "gVisor and Kata reach the host's files over a protocol (9p, virtiofs). Whether locks and the shared memory of WAL are those of the host depends on its settings.",
		Proof:    Proof{"mounts", []string{"single-file-bind/WAL"}, "what WAL loses without a common -shm; it does not start the sandbox", true},
		check:    sandboxedFileSystem,
	},
	{
		ID:       "two-services-one-file",
		Headline: "several containers open one SQLite file",
		Why:      "On one host locks and WAL work between containers. One process writes at a time: set busy_timeout in each, and begin what will write with BEGIN IMMEDIATE; a DEFERRED transaction that reads first is refused at once (https://sqlite.org/rescode.html#busy_snapshot).",
		Proof:    Proof{"busy", []string{"deferred/5000/WAL/burst", "immediate/5000/WAL/burst"}, "how many of 100 writes are refused under DEFERRED and under IMMEDIATE", false},
		check:    twoServicesOneFile,
	},
	{
		ID:       "checkpointer-beside",
		Headline: "another program checkpoints the WAL",
		Why:      "A checkpoint of kind RESTART or TRUNCATE takes the write lock and waits for readers with it: the application needs a busy_timeout (https://sqlite.org/pragma.html#pragma_wal_checkpoint, https://litestream.io/tips/#busy-timeout). SQLite up to 3.51.2 can lose commits there (https://sqlite.org/wal.html#walresetbug).",
		Proof:    Proof{"checkpoint", nil, "what a checkpoint does while somebody reads", false},
		check:    checkpointerBeside,
	},
	{
		ID:       "desktop-bind",
		Headline: "a SQLite file lies on a bind mount that Docker Desktop takes through a virtual machine",
		Why:      "Docker Desktop, OrbStack and Podman machine pass binds into a virtual machine (virtiofs, 9p, gRPC FUSE), where the -shm of WAL need not be one. On Linux it is the same file. A named volume stays inside the machine.",
		Proof:    Proof{"mounts", []string{"directory-bind/WAL"}, "a directory bind on this machine's own Docker", true},
		check:    desktopBind,
	},
}
