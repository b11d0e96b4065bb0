package run

import (
	"testing"
	"time"

	"example.com/contend/internal/store"
)

func TestSetupInWords(t *testing.T) {
	d := store.Red()
	d.BusyTimeout, d.Journal, d.Think = 5000, store.WAL, 0
	const words = "read and write apart, 5 s of patience, WAL"
	for want, s := range map[string]Setup{
		words + ", all at once":                                    {Discipline: d, Load: Load{Arrival: Burst, Clients: 100, Requests: 100}},
		words + ", 4 clients, one request at a time":               {Discipline: d, Load: Load{Arrival: Sequence, Clients: 4, Requests: 100}},
		words + ", a file for each node, 16 clients in a loop":     {Discipline: d, Mount: MountOwnFile, Load: Load{Arrival: Closed, Clients: 16}},
		words + ", writes to one node, 150 requests a second":      {Discipline: d, SingleWriter: true, Load: Load{Arrival: Open, Rate: 150}},
		words + ", drivers modernc and ncruces, step by step":      {Discipline: d, Drivers: []string{"modernc", "ncruces"}, Scene: &Scene{}},
		words + ", app-1 holds the write lock for 5s, all at once": {Discipline: d, Fault: Hold{"app-1", 5 * time.Second}, Load: Load{Arrival: Burst}},
		"": {},
	} {
		if got := s.Words(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
