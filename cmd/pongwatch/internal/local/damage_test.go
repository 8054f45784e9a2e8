package local

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// lines is a log that a test reads while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A process whose file is damaged starts, says which file it keeps, tells on-call, and
// watches on. One start per file; every kind of damage is in boltstore's table.
func TestDamagedFilesAreSetAside(t *testing.T) {
	cut := func(data []byte) []byte { return data[:len(data)/2] }
	zero := func(data []byte) []byte { return make([]byte, len(data)) }
	for _, tt := range []struct {
		name   string
		files  []string
		damage func([]byte) []byte
	}{
		{"the documents are cut off", []string{"documents.db"}, cut},
		{"the queue is zeros", []string{"queue.db"}, zero},
		{"the demonstration's memory is cut off", []string{"demonstration.json"}, cut},
		{"all of them", []string{"documents.db", "queue.db", "demonstration.json"}, zero},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log, data := &lines{}, t.TempDir()
			o := Options{
				Addr: "127.0.0.1:0", Data: data, Every: time.Second,
				Getenv: func(string) string { return "" }, Out: io.Discard, Logger: slog.New(slog.NewTextHandler(log, nil)),
			}
			run := func(during func(*Process)) {
				t.Helper()
				p, err := Start(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- p.Run(ctx) }()
				during(p)
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			run(func(p *Process) {
				if err := p.demo.setMode("none"); err != nil { // writes its memory
					t.Fatal(err)
				}
				wait(t, time.Minute, "a first run", func() bool { return p.status(t) == "connected" })
			})
			for _, name := range tt.files {
				path := filepath.Join(data, name)
				content, err := os.ReadFile(path)
				if err == nil {
					err = os.WriteFile(path, tt.damage(content), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			run(func(p *Process) {
				wait(t, time.Minute, "an incident", func() bool { return len(p.demo.received().Slack) > 0 && len(p.demo.received().Mail) > 0 })
				in := p.demo.received()
				for _, name := range tt.files {
					if text := in.Slack[0].Text + string(in.Slack[0].Blocks); !strings.Contains(text, "kept as "+name+".damaged-") {
						t.Errorf("Slack does not say where %s is: %s", name, text)
					}
					if kept, _ := filepath.Glob(filepath.Join(data, name+".damaged-*")); len(kept) != 1 {
						t.Errorf("of %s are kept %v", name, kept)
					}
					if want := "file set aside"; !strings.Contains(log.String(), want) || !strings.Contains(log.String(), filepath.Join(data, name)) {
						t.Errorf("the log lacks %q with %s:\n%s", want, name, log)
					}
				}
				wait(t, time.Minute, "it watches on", func() bool { return p.status(t) == "connected" })
				if n := len(p.demo.received().Slack); n != 1 {
					t.Errorf("%d messages, want one", n)
				}
			})
			before := strings.Count(log.String(), "file set aside")
			run(func(p *Process) {
				wait(t, time.Minute, "it watches on", func() bool { return p.status(t) == "connected" })
			})
			if after := strings.Count(log.String(), "file set aside"); after != before || before != len(tt.files) {
				t.Errorf("%d lines, then %d; want one for each file, once", before, after)
			}
		})
	}
}
