package config

import (
	"fmt"
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
	// Database or Receiver names the one that is concerned, the others work on.
	Database string `json:"database,omitempty"`
	Receiver string `json:"receiver,omitempty"`
	// Cause is what a config observation gives.
	Cause cause.Cause `json:"cause"`
	// Fatal says that the document cannot be used at all.
	Fatal bool `json:"fatal,omitempty"`
	// Notice says that nothing is wrong, but worth knowing.
	Notice bool `json:"notice,omitempty"`
}

// Error returns the problem on one line: where, the key, what is wrong and an example.
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Evidence())
	return b.String()
}

// Evidence returns the problem without its place, for the evidence of an observation.
func (p Problem) Evidence() string {
	text := p.What
	if p.Key != "" {
		text = p.Key + " " + p.What
	}
	if p.Example != "" {
		text += "; example: " + p.Example
	}
	return text
}

// Problems are all that was found. As an error it is only meaningful if not empty:
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

// Any reports whether there is a problem that is no notice.
func (ps Problems) Any() bool { return len(ps.without(true)) > 0 }

// Err returns the problems that are no notices as an error, or nil.
func (ps Problems) Err() error {
	if wrong := ps.without(true); len(wrong) > 0 {
		return wrong
	}
	return nil
}

// Fatal returns the problems for which the document cannot be used as an error, or nil.
func (ps Problems) Fatal() error {
	var out Problems
	for _, p := range ps {
		if p.Fatal {
			out = append(out, p)
		}
	}
	if len(out) > 0 {
		return out
	}
	return nil
}

// Unwrap lets errors.As find a single [Problem].
func (ps Problems) Unwrap() []error {
	out := make([]error, len(ps))
	for i, p := range ps {
		out[i] = p
	}
	return out
}

func (ps Problems) without(notices bool) Problems {
	var out Problems
	for _, p := range ps {
		if p.Notice != notices {
			out = append(out, p)
		}
	}
	return out
}
