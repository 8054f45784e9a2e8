package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// ErrEmpty says that no variable configures anything.
var ErrEmpty = errors.New("nothing is configured")

// maxSources bounds the list in PONGWATCH_CONFIG. With the longest names of projects, their
// references are two thirds of what a function's environment holds. Terraform has the same bound.
const maxSources = 200

// While documents of more than large bytes are parsed, garbage may be largeGarbage per cent of what is
// in use. Ten thousand databases would otherwise not start in 256 MiB.
const (
	large        = 1 << 20
	largeGarbage = 20
)

// readAtOnce is how many documents are read at the same time.
const readAtOnce = 16

// Options say where Load finds the configuration.
type Options struct {
	// Getenv reads the environment; [os.Getenv] in a process.
	Getenv func(string) string
	// Environ lists the environment, in which URL and token are looked for under names with
	// a prefix; [os.Environ] in a process. Nil looks for none.
	Environ func() []string
	// ReadFile reads a document from a file; [os.ReadFile] in a process.
	ReadFile func(string) ([]byte, error)
	// Secrets reads a document from Secret Manager. Nil refuses references.
	Secrets *secrets.Cache
	// Local accepts secrets in plain text and http:// addresses of this machine: for `local`
	// and the command line.
	Local bool
}

// Load finds the configuration in PONGWATCH_CONFIG, or makes one from the customer's
// variables. PONGWATCH_CONFIG is one of
//
//   - the document itself, YAML or JSON;
//   - the name of a file, or a reference "sm://projects/P/secrets/S[/versions/V]";
//   - a list of those, separated by commas or line breaks.
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
		var names []string
		if o.Environ != nil {
			for _, variable := range o.Environ() {
				name, _, _ := strings.Cut(variable, "=")
				names = append(names, name)
			}
		}
		c, problems := fromEnvironment(o.Getenv, names, o.Local)
		if c == nil && problems == nil {
			return nil, fmt.Errorf("loading configuration: %w: %w", ErrEmpty, Problems{{
				Key: EnvConfig, What: "is not set, and neither is " + envURL + " with " + envAuth + overTCP(o.Getenv, names),
				Example: EnvConfig + "=pongwatch.yaml, or " + envURL + "=" + urlExample, Cause: cause.MonitorConfig, Fatal: true,
			}})
		}
		return loaded(c, problems)
	}
	documents, err := o.documents(ctx, value)
	if err != nil {
		return nil, fmt.Errorf("loading configuration: %w", err)
	}
	size := 0
	for _, d := range documents {
		size += len(d.Text)
	}
	if size > large {
		defer debug.SetGCPercent(debug.SetGCPercent(largeGarbage))
	}
	return loaded(Parse(o.Local, documents...))
}

// overTCP names the variables with a URL of Upstash for Redis' TCP protocol, from which pongwatch
// could tell nothing.
func overTCP(getenv func(string) string, names []string) string {
	names = slices.DeleteFunc(slices.Sorted(slices.Values(names)), func(name string) bool {
		value := strings.ToLower(getenv(name))
		return !strings.HasPrefix(value, "redis://") && !strings.HasPrefix(value, "rediss://") || !strings.Contains(value, ".upstash.io")
	})
	if len(names) == 0 {
		return ""
	}
	return "; " + strings.Join(names, " and ") + " is for Redis' TCP protocol, and Upstash's console shows REST URL and token beside it"
}

func loaded(c *Config, problems Problems) (*Config, error) {
	if err := problems.Fatal(); err != nil {
		return nil, fmt.Errorf("loading configuration: %w", problems)
	}
	return c, nil
}

// documents reads the documents that PONGWATCH_CONFIG holds or names.
func (o Options) documents(ctx context.Context, value string) ([]Document, error) {
	value = strings.TrimSpace(strings.TrimPrefix(value, "\ufeff"))
	switch isDocument := regexp.MustCompile(`^(\{|#|---)|:(\s|$)`); {
	case isDocument.MatchString(value):
		return []Document{{Name: EnvConfig, Text: []byte(value)}}, nil
	case strings.Trim(value, `"'`) != value: // as docker --env-file leaves them
		return nil, sourceProblem("holds quotes")
	}
	var names []string
	for _, name := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 || len(names) > maxSources {
		return nil, sourceProblem(fmt.Sprintf("lists %d documents, want from 1 to %d", len(names), maxSources))
	}
	out, failures := make([]Document, len(names)), make([]error, len(names))
	var group errgroup.Group
	group.SetLimit(readAtOnce)
	for i, name := range names {
		group.Go(func() error {
			out[i].Name = name
			out[i].Text, failures[i] = o.read(ctx, name)
			return nil
		})
	}
	_ = group.Wait() // every failure is returned
	return out, errors.Join(failures...)
}

func sourceProblem(what string) error {
	return Problems{{
		Key: EnvConfig, What: what, Example: "sm://projects/my-project/secrets/pongwatch-config,pongwatch.yaml", Cause: cause.MonitorConfig, Fatal: true,
	}}
}

// read reads one document. A name that is no file is not quoted if it does not look
// like one, because it may be a pasted secret.
func (o Options) read(ctx context.Context, source string) ([]byte, error) {
	if secrets.IsRef(source) {
		ref, err := secrets.ParseRef(source)
		if err != nil {
			return nil, sourceProblem("holds no reference into Secret Manager: " + err.Error())
		}
		e, err := reference(ref).Get(ctx, o.Secrets)
		if err != nil {
			return nil, fmt.Errorf("reading document: %w", err)
		}
		return []byte(e.Value.Reveal()), nil
	}
	text, err := o.ReadFile(source)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		name := "a file"
		if len(source) < 200 && strings.ContainsAny(source, "./") && !strings.ContainsAny(source, " \t=\"'") {
			name = source
		}
		return nil, sourceProblem("names " + name + ", which does not exist")
	case err != nil:
		return nil, fmt.Errorf("reading document: %w", err)
	}
	return text, nil
}
