package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/config"
)

const aboutConfig = `pongwatch config checks the configuration and prints its schema.

Usage:
  pongwatch config check [FILE…] [flags]
  pongwatch config schema

"check" prints every problem; "pongwatch config check --help" tells more. "schema" prints
the JSON Schema of the document (draft 2020-12), for editors.
`

const aboutCheck = `Reads the files, merged, or without any what PONGWATCH_CONFIG or the customer's own
variables say. It prints every problem with its place, its key, what is wrong and an
example of right, also those that would concern one database only at run time. It reads
no secret but a document that PONGWATCH_CONFIG refers to. The exit code is 0 without
problems, 1 with, 2 when the configuration could not be read.`

// configCommand runs "pongwatch config …" and returns its exit code.
func configCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, aboutConfig)
		return exitFailed
	}
	switch args[0] {
	case "check":
		return configCheck(ctx, args[1:], stdout, stderr)
	case "schema":
		if len(args) == 1 {
			if _, err := stdout.Write(config.Schema()); err != nil {
				fmt.Fprintf(stderr, "pongwatch config schema: %v\n", err)
				return exitFailed
			}
			return exitOK
		}
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, aboutConfig)
		return exitOK
	}
	fmt.Fprintf(stderr, "pongwatch config: unexpected %q\n\n%s", strings.Join(args, " "), aboutConfig)
	return exitFailed
}

// checked is the verdict on a configuration, and --json's output.
type checked struct {
	OK        bool             `json:"ok"`
	Hash      string           `json:"hash,omitempty"`
	Databases int              `json:"databases"`
	Shards    int              `json:"shards"`
	Receivers int              `json:"receivers"`
	Problems  []config.Problem `json:"problems"`
}

func configCheck(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	d, code, ok := parseDocuments("config check", args, stdout, stderr, aboutCheck)
	if !ok {
		return code
	}
	c, problems, err := d.read(ctx)
	if err != nil {
		fmt.Fprintf(stderr, "pongwatch config check: %v\n", err)
		return exitFailed
	}
	if c != nil {
		problems = append(problems, budget.Problems(c)...)
	}
	verdict := checked{OK: problems.Err() == nil, Problems: problems}
	if c != nil {
		verdict.Hash, verdict.Databases, verdict.Shards, verdict.Receivers = c.Hash(), len(c.Databases), len(c.ShardNames()), len(c.Receivers)
	}
	if err := printChecked(stdout, verdict, d.asJSON); err != nil {
		fmt.Fprintf(stderr, "pongwatch config check: %v\n", err)
		return exitFailed
	}
	if !verdict.OK {
		return exitNo
	}
	return exitOK
}

func printChecked(w io.Writer, v checked, asJSON bool) error {
	if asJSON {
		if v.Problems == nil {
			v.Problems = []config.Problem{}
		}
		return printJSON(w, v)
	}
	var b strings.Builder
	wrong := 0
	for _, p := range v.Problems {
		kind := "problem"
		switch {
		case p.Notice:
			kind = "notice"
		case p.Fatal:
			kind = "fatal"
		}
		if !p.Notice {
			wrong++
		}
		fmt.Fprintf(&b, "%s: %s\n", kind, p.Error())
	}
	if v.Hash != "" {
		fmt.Fprintf(&b, "%d database(s) in %d shard(s), %d receiver(s), configuration %s: ", v.Databases, v.Shards, v.Receivers, v.Hash)
	}
	if wrong == 0 {
		b.WriteString("no problems\n")
	} else {
		fmt.Fprintf(&b, "%d problem(s)\n", wrong)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
