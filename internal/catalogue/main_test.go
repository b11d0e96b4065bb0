package catalogue

import (
	"os"
	"testing"

	"example.com/contend/internal/testbin"
)

var binary string

func TestMain(m *testing.M) { os.Exit(testbin.Main(&binary, m.Run)) }
