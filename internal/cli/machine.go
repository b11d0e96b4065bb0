package cli

import (
	"runtime"
	"runtime/debug"

	"example.com/contend/internal/run"
	"example.com/contend/internal/store/sqlite"
)

// version is set by the linker for a release (-X); otherwise it is what Go
// knows of the module and its revision.
var version string

func versions() run.Versions {
	return run.Versions{Version: contendVersion(), Go: runtime.Version(), SQLite: sqlite.Version()}
}

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
