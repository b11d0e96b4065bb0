package store

import "testing"

func TestWALResetFixed(t *testing.T) {
	for _, tt := range []struct {
		version      string
		fixed, known bool
	}{
		{"3.6.23", true, true},
		{"3.7.0", false, true},
		{"3.40.1", false, true},
		{"3.44.5", false, true},
		{"3.44.6", true, true},
		{"3.45.0", false, true},
		{"3.50.6", false, true},
		{"3.50.7", true, true},
		{"3.51.2", false, true},
		{"3.51.3", true, true},
		{"3.54.1", true, true},
		{"", false, false},
		{"unknown", false, false},
		{"4.0.0", false, false},
	} {
		if fixed, known := WALResetFixed(tt.version); fixed != tt.fixed || known != tt.known {
			t.Errorf("WALResetFixed(%q) = %v, %v; want %v, %v", tt.version, fixed, known, tt.fixed, tt.known)
		}
	}
}
