package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// Problem is one thing that is wrong with the configuration. Its texts never hold a
// secret, nor the value of a key that may be one.
type Problem struct {
	// Key is the path of the key, such as "databases[2].url", or the variable's name.
	Key string `json:"key"`
	// What is wrong, as the rest of a sentence that begins with the key.
	What string `json:"what"`
	// Example of right.
	Example string `json:"example,omitempty"`
	// File, Line and Column say where; lines and columns count from 1, and 0 is unknown.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	// Database or Receiver names the only one that is affected.
	Database string `json:"database,omitempty"`
	Receiver string `json:"receiver,omitempty"`
	// Cause is the cause of the config observation.
	Cause cause.Cause `json:"cause"`
	// Fatal says that the document cannot be used at all.
	Fatal bool `json:"fatal,omitempty"`
	// Stops says that the database or receiver cannot be used. Of a problem that is neither
	// fatal nor stops anything, the key's default stands.
	Stops bool `json:"stops,omitempty"`
	// Notice says that nothing is wrong, but worth knowing.
	Notice bool `json:"notice,omitempty"`
}

// problem returns a problem of the document. One that is fatal has the cause of a
// document that cannot be read.
func problem(at place, key, what, example string, fatal bool) Problem {
	p := Problem{Key: key, What: what, Example: example, File: at.file, Line: at.line, Column: at.column, Cause: cause.ConfigInvalid, Fatal: fatal}
	if fatal {
		p.Cause = cause.MonitorConfig
	}
	return p
}

// Error returns the problem on one line: where, the key, what is wrong and an example.
func (p Problem) Error() string {
	switch {
	case p.File == "":
		return p.Evidence()
	case p.Line == 0:
		return p.File + ": " + p.Evidence()
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Evidence())
}

// Evidence returns the problem without its place, for the evidence of an observation.
func (p Problem) Evidence() string {
	s := p.What
	if p.Key != "" {
		s = p.Key + " " + p.What
	}
	if p.Example != "" {
		s += "; example: " + p.Example
	}
	return s
}

// Problems are all that was found. As an error they are only meaningful if not empty:
// use [Problems.Err] and [Problems.Fatal].
type Problems []Problem

// Error returns one line a problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems that are no notices as an error, or nil.
func (ps Problems) Err() error { return ps.only(func(p Problem) bool { return !p.Notice }) }

// Stops returns the problems for which a database or receiver cannot be used as an error, or nil.
func (ps Problems) Stops() error { return ps.only(func(p Problem) bool { return p.Stops }) }

// Fatal returns the problems for which the document cannot be used as an error, or nil.
func (ps Problems) Fatal() error { return ps.only(func(p Problem) bool { return p.Fatal }) }

func (ps Problems) only(keep func(Problem) bool) error {
	out := slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return !keep(p) })
	if len(out) == 0 {
		return nil
	}
	return out
}

// Sort puts problems into document order, keeping the order of documents.
func (ps Problems) Sort() {
	files := map[string]int{}
	for _, p := range ps {
		if _, ok := files[p.File]; !ok {
			files[p.File] = len(files)
		}
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(files[a.File]-files[b.File], a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Key, b.Key), strings.Compare(a.What, b.What))
	})
}
