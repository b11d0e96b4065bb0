//go:build !linux

package load

import "time"

func newPreciseSleeper() (sleep func(time.Duration), release func()) { return time.Sleep, func() {} }
