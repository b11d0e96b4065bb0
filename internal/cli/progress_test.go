package cli

import "testing"

func TestWantColor(t *testing.T) {
	tests := []struct {
		name     string
		mode     string
		env      map[string]string
		terminal bool
		want     bool
	}{
		{"a terminal", "auto", nil, true, true},
		{"a file", "auto", nil, false, false},
		{"FORCE_COLOR on a file", "auto", map[string]string{"FORCE_COLOR": "1"}, false, true},
		{"FORCE_COLOR beats NO_COLOR", "auto", map[string]string{"FORCE_COLOR": "1", "NO_COLOR": "1"}, false, true},
		{"FORCE_COLOR beats TERM", "auto", map[string]string{"FORCE_COLOR": "1", "TERM": "dumb"}, true, true},
		{"FORCE_COLOR=0", "auto", map[string]string{"FORCE_COLOR": "0"}, true, false},
		{"FORCE_COLOR=false", "auto", map[string]string{"FORCE_COLOR": "false"}, true, false},
		{"FORCE_COLOR empty", "auto", map[string]string{"FORCE_COLOR": ""}, false, false},
		{"NO_COLOR", "auto", map[string]string{"NO_COLOR": "0"}, true, false},
		{"NO_COLOR empty", "auto", map[string]string{"NO_COLOR": ""}, true, true},
		{"TERM=dumb", "auto", map[string]string{"TERM": "dumb"}, true, false},
		{"always beats everything", "always", map[string]string{"FORCE_COLOR": "0", "NO_COLOR": "1", "TERM": "dumb"}, false, true},
		{"never beats everything", "never", map[string]string{"FORCE_COLOR": "1"}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"FORCE_COLOR", "NO_COLOR", "TERM"} {
				t.Setenv(name, tt.env[name])
			}
			got, err := wantColor(tt.mode, tt.terminal)
			if err != nil || got != tt.want {
				t.Errorf("wantColor = %v, %v; want %v", got, err, tt.want)
			}
		})
	}
	if _, err := wantColor("yes", true); err == nil {
		t.Error("wantColor takes the mode yes")
	}
}
