//go:build unix && !linux

package postgres

// removeSegment leaves what a server that was killed left: 56 bytes.
func (p *private) removeSegment() {}
