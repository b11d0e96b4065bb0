//go:build !linux

package cli

func kernel() string { return "unknown" }

func fileSystem(string) string { return "unknown" }
