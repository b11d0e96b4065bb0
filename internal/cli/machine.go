package cli

import (
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"example.com/contend/internal/run"
)

// version is set by the linker for a release (-X); otherwise it is what Go
// knows of the module and its revision.
var version string

func contendVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" {
		return v
	}
	return "(devel)"
}

// machine describes where a run takes place; dir is where its databases are.
func machine(dir string) run.Machine {
	return run.Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, Kernel: kernel(),
		CPUs: runtime.NumCPU(), FileSystem: fileSystem(dir),
	}
}

// kernel returns the kernel's release, as uname -r does.
func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Release[:])
}
