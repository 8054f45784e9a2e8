// Package pages is what the benchmark of the dashboard and the small program whose
// memory it measures have in common.
package pages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/boltstore"
)

const (
	databases = 100
	// Days is how much history there is.
	Days = 30
	// Region is where it was made.
	Region = "us-east4"
)

// Now is eight in the evening, so that most of a day is not compacted yet.
func Now() time.Time { return time.Date(2026, 11, 22, 20, 0, 30, 0, time.UTC) }

// Page is one that people open.
type Page struct{ What, Path string }

// All are those that have a budget.
func All() []Page {
	return []Page{
		{"overview of 100 databases, 30 days, JSON", "/api/v1/admin/redis-metrics?range=30d"},
		{"one database, 30 days, JSON", "/api/v1/admin/redis-metrics?range=30d&database=database-042"},
		{"dashboard, 100 databases, 1 hour", "/"},
		{"dashboard, 100 databases and 30 days of one", "/?range=30d&database=database-042"},
	}
}

// Ask asks for the page and returns the size of the compressed answer.
func (p Page) Ask(ctx context.Context, h http.Handler) (int, error) {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, p.Path, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return 0, fmt.Errorf("asking for %s: answered %d", p.Path, w.Code)
	}
	return w.Body.Len(), nil
}

// Databases are the names of those that are watched.
func Databases() []string {
	names := make([]string, databases)
	for i := range names {
		names[i] = fmt.Sprintf("database-%03d", i)
	}
	return names
}

// Open opens the history.
func Open(path string) (*boltstore.Store, error) {
	s, err := boltstore.Open(path, boltstore.Options{Now: Now})
	if err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	return s, nil
}

// Metrics is the function over s, which has answered nothing yet.
func Metrics(s store.Store) (*metrics.Function, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "regions: [%s]\ndatabases:\n", Region)
	for _, name := range Databases() {
		fmt.Fprintf(&text, "- {name: %s, url: \"http://127.0.0.1:9\", token: none}\n", name)
	}
	c, problems := config.Parse(true, config.Document{Name: "bench.yaml", Text: []byte(text.String())})
	if c == nil {
		return nil, problems
	}
	return metrics.New(metrics.Options{
		Config: c, Region: Region, Store: s, Now: Now, Reports: nowhere{},
		Resolve: func(context.Context, *config.Database, bool) (config.Credentials, error) {
			return config.Credentials{}, errors.New("nothing is asked here")
		},
	})
}

// nowhere publishes nothing.
type nowhere struct{}

func (nowhere) Publish(context.Context, report.Message) error { return nil }
