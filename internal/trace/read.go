package trace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Read reads what a [Writer] has written. A last line that was cut off, as a
// node that was killed leaves it, is left out and is no error.
func Read(r io.Reader) ([]Attempt, error) {
	in := bufio.NewReader(r)
	var all []Attempt
	for {
		line, errRead := in.ReadBytes('\n')
		if errRead != nil && errRead != io.EOF {
			return all, fmt.Errorf("read trace: %w", errRead)
		}
		if len(line) == 0 {
			return all, nil
		}
		a, err := parse(line)
		switch {
		case err == nil:
			all = append(all, a)
		case errRead == nil: // a whole line
			return all, fmt.Errorf("read trace: line %d: %w", len(all)+1, err)
		}
		if errRead == io.EOF {
			return all, nil
		}
	}
}

func parse(line []byte) (Attempt, error) {
	var a Attempt
	if err := json.Unmarshal(line, &a); err != nil {
		return a, err
	}
	if a.Kind == "" {
		return a, errors.New("it is no attempt: it has no kind")
	}
	return a, nil
}
