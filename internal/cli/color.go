package cli

import (
	"io"
	"os"

	"github.com/spf13/pflag"
)

// colorFlag adds --color, whose value [useColor] takes.
func colorFlag(flags *pflag.FlagSet, mode *string) {
	flags.StringVar(mode, "color", "auto", "auto, always or never; FORCE_COLOR and NO_COLOR are heeded")
}

// useColor reports whether to write to w in colour. Each stream is asked about
// by itself: one may be a terminal and the other a file.
func useColor(mode string, w io.Writer) (bool, error) {
	return wantColor(mode, os.Getenv, func() bool { return isTerminal(w) })
}

// wantColor decides: the flag first, then FORCE_COLOR (https://force-color.org),
// NO_COLOR (https://no-color.org), TERM=dumb, and last whether it is a terminal.
// An empty variable says nothing. FORCE_COLOR=0 and FORCE_COLOR=false say no, as
// they do to many programs.
func wantColor(mode string, getenv func(string) string, terminal func() bool) (bool, error) {
	switch mode {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
	default:
		return false, usagef("--color %q is none of auto, always, never", mode)
	}
	if force := getenv("FORCE_COLOR"); force != "" {
		return force != "0" && force != "false", nil
	}
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && terminal(), nil
}
