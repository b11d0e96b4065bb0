package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"example.com/contend/internal/store"
)

// disciplineFlags adds --preset and one flag for each setting of a discipline.
// The function it returns reads them after parsing: the preset, with the
// settings that were given in place of its own. None shows a default in the help:
// that is the preset's.
func disciplineFlags(fs *pflag.FlagSet) func() (store.Discipline, error) {
	preset := fs.String("preset", "green", "base settings: red (no WAL, busy_timeout 0, no transaction) or green\n(WAL, busy_timeout 5000, BEGIN EXCLUSIVE, 3 retries)")
	values := map[string]*settingFlag{}
	for _, s := range store.Settings {
		values[s.Flag] = &settingFlag{number: s.Number}
		fs.Var(values[s.Flag], s.Flag, s.Usage)
	}
	return func() (store.Discipline, error) {
		d, err := store.Preset(*preset)
		if err != nil {
			return d, fmt.Errorf("--preset: %w", err)
		}
		if fs.Changed("driver") { // it decides which of the preset's settings there are
			d = d.With(values["driver"].text)
		}
		for _, s := range store.Settings {
			if !fs.Changed(s.Flag) {
				continue
			}
			if err := s.Set(&d, s.Fold(values[s.Flag].text)); err != nil {
				return d, fmt.Errorf("--%s: %w", s.Flag, err)
			}
		}
		return d, d.Validate()
	}
}

// A settingFlag is the text of one setting on the command line.
type settingFlag struct {
	text   string
	number bool
}

func (f *settingFlag) String() string { return f.text }

func (f *settingFlag) Set(text string) error {
	if f.number {
		if _, err := strconv.ParseInt(text, 10, strconv.IntSize); err != nil {
			return err
		}
	}
	f.text = text
	return nil
}

func (f *settingFlag) Type() string {
	if f.number {
		return "int"
	}
	return "string"
}
