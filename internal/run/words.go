package run

import (
	"cmp"
	"strings"

	"example.com/contend/internal/units"
)

var mountWords = map[Mount]string{
	MountShared:     "one file for all nodes",
	MountVolume:     "one volume for all nodes",
	MountDirectory:  "one host directory bound into all nodes",
	MountSingleFile: "only the database file bound into all nodes",
	MountTwoVolumes: "two volumes, half of the nodes each",
	MountNone:       "nothing mounted",
	MountLinked:     "another name for the file in each node",
	MountOwnFile:    "a file for each node",
}

// Words says how the nodes reach the database; a mount that is not known is its own word.
func (m Mount) Words() string { return cmp.Or(mountWords[m], string(m)) }

// Words says the setup in words: "read and write apart, 5 s of patience, WAL, all at
// once". Beside an arm's name they say what its parts mean.
func (s *Setup) Words() string {
	all := []string{s.Discipline.Words()}
	if s.Mount != MountShared {
		all = append(all, s.Mount.Words())
	}
	all = append(all, s.Wrong())
	if s.SingleWriter {
		all = append(all, "writes to one node")
	}
	if len(s.Drivers) > 1 {
		all = append(all, "drivers "+units.List(s.Drivers, "and"))
	}
	switch {
	case s.Scene != nil:
		all = append(all, "step by step")
	case s.Load.Arrival == Burst:
		all = append(all, "all at once")
	case s.Load.Arrival == Sequence:
		all = append(all, units.Plural(s.Load.Clients, "client")+", one request at a time")
	case s.Load.Arrival == Closed:
		all = append(all, units.Plural(s.Load.Clients, "client")+" in a loop")
	case s.Load.Arrival == Open:
		all = append(all, units.Number(s.Load.Rate)+" requests a second")
	}
	var said []string
	for _, words := range all {
		if words != "" {
			said = append(said, words)
		}
	}
	return strings.Join(said, ", ")
}
