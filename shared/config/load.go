package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// EnvConfig is the variable that holds the document or says where it is.
const EnvConfig = "PONGWATCH_CONFIG"

// ErrEmpty says that no variable configures anything.
var ErrEmpty = errors.New("nothing is configured")

// maxSources bounds the list in PONGWATCH_CONFIG.
const maxSources = 100

// Options say where Load finds the configuration.
type Options struct {
	// Getenv reads the environment; [os.Getenv] in a process.
	Getenv func(string) string
	// ReadFile reads a document from a file; [os.ReadFile] in a process. Nil refuses files.
	ReadFile func(string) ([]byte, error)
	// Secrets reads a document from Secret Manager. Nil refuses references.
	Secrets *secrets.Cache
	// Local accepts secrets in clear and http:// addresses of this machine: for `local`
	// and the command line.
	Local bool
}

// Load finds the configuration in PONGWATCH_CONFIG, or makes one from the customer's
// variables. PONGWATCH_CONFIG is one of
//
//   - the document itself, YAML or JSON;
//   - the name of a file, or a reference "sm://projects/P/secrets/S[/versions/V]";
//   - a list of those, separated by commas or line breaks, or written as YAML or JSON.
//
// Documents of a list are merged: their databases, receivers, routes, shards and
// maintenance windows are joined, and any other key that two of them give must have
// one value.
//
// An error is [ErrEmpty], or [Problems] of which at least one is fatal, or the failure
// of reading a document, which may pass. Problems of one database or receiver are no
// error: they are in the configuration.
func Load(ctx context.Context, o Options) (*Config, error) {
	value := o.Getenv(EnvConfig)
	if strings.TrimSpace(value) == "" {
		c, problems := fromEnvironment(o.Getenv, o.Local)
		if len(problems) == 1 && problems[0] == emptyProblem() {
			return nil, fmt.Errorf("loading configuration: %w: %w", ErrEmpty, problems)
		}
		return loaded(c, problems)
	}
	documents, err := o.documents(ctx, value)
	if err != nil {
		return nil, fmt.Errorf("loading configuration: %w", err)
	}
	return loaded(Parse(o.Local, documents...))
}

func loaded(c *Config, problems Problems) (*Config, error) {
	if err := problems.Fatal(); err != nil {
		return nil, fmt.Errorf("loading configuration: %w", problems)
	}
	return c, nil
}

// documents reads what PONGWATCH_CONFIG says.
func (o Options) documents(ctx context.Context, value string) ([]Document, error) {
	sources, inline, problem := sources(value)
	if problem != nil {
		return nil, Problems{*problem}
	}
	if inline {
		return []Document{{Name: EnvConfig, Text: []byte(value)}}, nil
	}
	var out []Document
	var failures []error
	for _, s := range sources {
		text, err := o.read(ctx, s)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		out = append(out, Document{Name: s, Text: text})
	}
	return out, errors.Join(failures...)
}

// sources tells a document from the names of documents.
func sources(value string) (list []string, inline bool, problem *Problem) {
	value = strings.TrimSpace(value)
	switch {
	case strings.HasPrefix(value, "[") || strings.HasPrefix(value, "- ") || strings.HasPrefix(value, "---\n- "):
		list, problem = listed(value)
	case strings.HasPrefix(value, "{"), strings.Contains(value, ": "), strings.Contains(value, ":\n"), strings.Contains(value, ":\r"),
		strings.HasSuffix(value, ":"), strings.HasPrefix(value, "#"), strings.HasPrefix(value, "---"):
		return nil, true, nil
	default:
		for s := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
			if s = strings.TrimSpace(s); s != "" {
				list = append(list, s)
			}
		}
	}
	if problem == nil && (len(list) == 0 || len(list) > maxSources) {
		problem = sourceProblem(fmt.Sprintf("lists %d documents, want from 1 to %d", len(list), maxSources))
	}
	return list, false, problem
}

// listed reads a YAML or JSON list of names.
func listed(value string) ([]string, *Problem) {
	wrong := sourceProblem("is a list, but not one of file names and references")
	n, ok := parseList([]byte(value))
	if !ok {
		return nil, wrong
	}
	var out []string
	for _, item := range n.items {
		if item.kind != kindText || strings.TrimSpace(item.text) == "" {
			return nil, wrong
		}
		out = append(out, strings.TrimSpace(item.text))
	}
	return out, nil
}

func sourceProblem(what string) *Problem {
	return &Problem{
		Key: EnvConfig, What: what, Example: "sm://projects/my-project/secrets/pongwatch-config,pongwatch.yaml", Cause: cause.MonitorConfig, Fatal: true,
	}
}

// read returns one document. A name that is no file is not quoted if it does not look
// like one: somebody may have pasted a secret there.
func (o Options) read(ctx context.Context, source string) ([]byte, error) {
	if secrets.IsRef(source) {
		ref, err := secrets.ParseRef(source)
		if err != nil {
			return nil, Problems{*sourceProblem("holds no reference into Secret Manager: " + err.Error())}
		}
		e, err := Reference(ref).Get(ctx, o.Secrets)
		if err != nil {
			return nil, fmt.Errorf("reading document: %w", err)
		}
		return []byte(e.Value.Reveal()), nil
	}
	if o.ReadFile == nil {
		return nil, Problems{*sourceProblem("names a file, and files are not read here")}
	}
	text, err := o.ReadFile(source)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		name := "a file"
		if len(source) < 200 && strings.ContainsAny(source, "./") && !strings.ContainsAny(source, " \t=\"'") {
			name = source
		}
		return nil, Problems{*sourceProblem("names " + name + ", which does not exist")}
	case err != nil:
		return nil, fmt.Errorf("reading document: %w", err)
	}
	return text, nil
}
