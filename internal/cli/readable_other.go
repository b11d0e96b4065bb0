//go:build !unix

package cli

import (
	"context"
	"os"
)

// awaitReadable does not wait here: an interrupt is seen when the read returns.
func awaitReadable(context.Context, *os.File) {}
