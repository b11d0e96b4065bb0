package doctor

import (
	"os"
	"testing"

	"example.com/contend/internal/testproc"
)

func TestMain(m *testing.M) {
	testproc.Main(map[string]testproc.Role{"sqlite": serveSQL})
	os.Exit(m.Run())
}
