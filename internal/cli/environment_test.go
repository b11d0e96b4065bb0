package cli

import (
	"testing"

	"github.com/spf13/pflag"
)

func TestPortListensWhereItIsAllowedTo(t *testing.T) {
	for name, c := range map[string]struct {
		port string
		args []string
		want string
	}{
		"this machine alone":      {"3001", nil, "127.0.0.1:3001"},
		"every interface":         {"3001", []string{"--allow-remote"}, ":3001"},
		"refused again":           {"3001", []string{"--allow-remote=false"}, "127.0.0.1:3001"},
		"the flag stands above":   {"3001", []string{"--allow-remote", "--listen", "127.0.0.1:4000"}, "127.0.0.1:4000"},
		"no PORT, nothing opened": {"", []string{"--allow-remote"}, "127.0.0.1:3000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CONTAINER_ID", "")
			t.Setenv("DB_PATH", "")
			t.Setenv("PORT", c.port)
			flags := pflag.NewFlagSet("node", pflag.ContinueOnError)
			flags.String("db", "", "")
			flags.String("name", "", "")
			listen := flags.String("listen", "127.0.0.1:3000", "")
			flags.Bool("allow-remote", false, "")
			if err := flags.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			if err := fromEnvironment(flags); err != nil {
				t.Fatal(err)
			}
			if *listen != c.want {
				t.Errorf("listens on %s, want %s", *listen, c.want)
			}
		})
	}
}
