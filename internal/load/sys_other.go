//go:build !linux

package load

func newPreciseSleeper() sleeper { return runtimeSleeper{} }
