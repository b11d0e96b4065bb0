package store

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestPresetsAreValid(t *testing.T) {
	for _, name := range []string{"red", "green"} {
		d, err := Preset(name)
		if err != nil || d.Validate() != nil {
			t.Errorf("%s: %v, %v", name, err, d.Validate())
		}
	}
	if _, err := Preset("Green"); err == nil {
		t.Error("a preset of another name was found")
	}
	if (Discipline{}).Validate() == nil {
		t.Error("the zero discipline is valid")
	}
}

func TestValidateNamesTheCulprit(t *testing.T) {
	for culprit, spoil := range map[string]func(*Discipline){
		"driver":       func(d *Discipline) { d.Driver = "sqlite3" },
		"journal":      func(d *Discipline) { d.Journal = "MEMORY" },
		"synchronous":  func(d *Discipline) { d.Synchronous = "full" },
		"transaction":  func(d *Discipline) { d.Transaction = "serial" },
		"busy_timeout": func(d *Discipline) { d.BusyTimeout = -1 },
		"think":        func(d *Discipline) { d.Think = 60_001 },
		"retries":      func(d *Discipline) { d.Retries = 101 },
		"backoff":      func(d *Discipline) { d.Backoff = Backoff{Base: 2, Max: 1} },
		"writer":       func(d *Discipline) { d.Writer = "twice" },
		"busy_policy":  func(d *Discipline) { d.Busy = "" },
		"pool":         func(d *Discipline) { d.Pool = 0 },
	} {
		d := Green()
		spoil(&d)
		if err := d.Validate(); err == nil || !strings.HasPrefix(err.Error(), culprit) {
			t.Errorf("%s: error is %v", culprit, err)
		}
	}
}

// A queue is one transaction over several requests, or on rqlite one request of statements that stand alone.
func TestStylesOfAQueue(t *testing.T) {
	for driver, styles := range map[string]map[Transaction]bool{
		Modernc:    {Separate: false, Deferred: false, Immediate: true, Exclusive: true, Atomic: true},
		Pgx:        {Separate: false, ReadCommitted: true, ForUpdate: true, Serializable: true, Atomic: true},
		RqliteHTTP: {Separate: false, Atomic: true},
	} {
		for style, valid := range styles {
			d := Green().With(driver)
			d.Writer, d.Transaction = Queue, style
			if err := d.Validate(); (err == nil) != valid {
				t.Errorf("a queue with %s and %s: %v, want it valid: %t", driver, style, err, valid)
			}
		}
	}
}

// Every word that a setting offers is one that some driver takes.
func TestSettingsOfferWhatIsTaken(t *testing.T) {
	offered := 0
	for _, s := range Settings {
		for _, value := range s.Values {
			offered++
			taken := false
			for _, driver := range drivers {
				d := Green().With(driver)
				if s.Name == "driver" {
					d = Green().With(value)
				} else if err := s.Set(&d, value); err != nil {
					t.Fatal(err)
				}
				taken = taken || d.Validate() == nil
			}
			if s.Name == "writer" && value == string(Queue) { // only for a transaction that spans the batch
				continue
			}
			if !taken {
				t.Errorf("no driver takes %s %q", s.Name, value)
			}
		}
	}
	if offered < 20 {
		t.Errorf("only %d words are offered", offered)
	}
}

// The table of settings says everything of a discipline that it is made of.
func TestSettingsAreAllOfADiscipline(t *testing.T) {
	for _, d := range []Discipline{Red(), Green(), Green().With(Pgx)} {
		var back Discipline
		for _, s := range Settings {
			if err := s.Set(&back, s.Get(d)); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
		if back != d {
			t.Errorf("%+v came back as %+v", d, back)
		}
	}
	kind := reflect.TypeFor[Discipline]()
	if len(Settings) != kind.NumField() {
		t.Fatalf("%d settings of %d fields", len(Settings), kind.NumField())
	}
	for i, s := range Settings {
		if name := kind.Field(i).Tag.Get("json"); s.Name != name {
			t.Errorf("setting %d is called %s, and %s in JSON", i, s.Name, name)
		}
	}
	if got := Settings[3].Words(Green()); got != "busy_timeout 5s" {
		t.Errorf("in words: %s", got)
	}
}

func TestDisciplineSurvivesJSON(t *testing.T) {
	for _, d := range []Discipline{Red(), Green()} {
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back Discipline
		if err := json.Unmarshal(text, &back); err != nil || back != d {
			t.Errorf("%s came back as %+v, %v", text, back, err)
		}
	}
}

func TestBackoffDelays(t *testing.T) {
	b := Backoff{Base: time.Second, Max: 5 * time.Second}
	for i, want := range []time.Duration{1, 2, 4, 5, 5} {
		if got := b.Delay(i, nil); got != want*time.Second {
			t.Errorf("delay %d is %s, want %d s", i, got, want)
		}
	}
	if got := b.Delay(1000, nil); got != b.Max {
		t.Errorf("delay 1000 is %s, want %s", got, b.Max)
	}
	if got := (Backoff{}).Delay(3, nil); got != 0 {
		t.Errorf("no backoff waits %s", got)
	}
	b.Jitter = true
	rng := rand.New(rand.NewPCG(1, 2))
	low, high := time.Hour, time.Duration(0)
	for range 1000 {
		d := b.Delay(1, rng)
		low, high = min(low, d), max(high, d)
	}
	if low > 100*time.Millisecond || high > 2*time.Second || high < 1900*time.Millisecond {
		t.Errorf("full jitter of 2 s drew from %s to %s", low, high)
	}
}

func FuzzBackoffText(f *testing.F) {
	for _, text := range []string{"none", "1s..5s", "1s..5s+jitter", "0s..0s", "5s..1s", "1s", "1s..5s+", "-1s..1s", "1s..2h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b Backoff
		if b.UnmarshalText([]byte(text)) != nil {
			return
		}
		var back Backoff
		if err := back.UnmarshalText([]byte(b.String())); err != nil || back != b {
			t.Errorf("%q was read as %s and then as %s, %v", text, b, back, err)
		}
	})
}
