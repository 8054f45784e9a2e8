package gameday

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// record is a game day in which one cause went well, one did not, and pongwatch was asked in one.
func record() Record {
	good := []string{"ok@1", "ok@2", "ok@3", "ok@4", "ok@5", "ok@6", "ok@7"}
	done := told(incidents.DeliveryDone, 3)
	row := func(t trial, e evidence) Row {
		return Row{Cause: t.Cause, Mode: t.Mode, At: t.broken, Seconds: t.ended.Sub(t.began).Seconds(), Cells: t.judge(e, t.ended)}
	}
	well := row(played(4, 9), answers(good...).saying("mock@0.5", "connected@4.2").seen(3, incident(cause.TCPRefused, done), nil).seen(8, nil, incident(cause.TCPRefused, done)))
	bad := played(10, 25)
	bad.Fault, bad.notAsked = Faults()[1], "no running pongwatch was named"
	r := Record{
		At: at(0), Version: "v1.0.0", App: []string{"https://app.example.com/health", page}, Database: "emulated",
		Load: "at most 2 requests a second", Pongwatch: "http://127.0.0.1:8080",
	}
	r.Add([]Row{well, row(bad, answers("HTTP 500@1", "no answer | in 2s@3").saying("connected@1"))})
	return r
}

func TestTheRecordInEachForm(t *testing.T) {
	for file, write := range map[string]func(io.Writer, Record) error{
		"record.txt": WriteTable, "record.json": preflight.WriteJSON[Record], "record.xml": WriteJUnit, "record.md": WriteMarkdown,
	} {
		var b strings.Builder
		if err := write(&b, record()); err != nil {
			t.Fatal(err)
		}
		goldentest.Compare(t, "testdata/"+file, b.String())
	}
}

// The score is never rounded up, and what was not asked does not count.
func TestScore(t *testing.T) {
	tests := []struct {
		name     string
		statuses []preflight.Status
		want     int
	}{
		{"everything passes", []preflight.Status{passes, passes}, 100},
		{"two of three", []preflight.Status{passes, passes, fails}, 66},
		{"two of two that were asked", []preflight.Status{passes, passes, skipped}, 100},
		{"nothing was asked", []preflight.Status{skipped}, 0},
		{"nothing passes", []preflight.Status{fails, fails}, 0},
	}
	for _, tt := range tests {
		var row Row
		for _, s := range tt.statuses {
			row.Cells = append(row.Cells, Cell{Points: 15, Finding: preflight.Finding{Status: s}})
		}
		var r Record
		if r.Add([]Row{row}); r.Score != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, r.Score, tt.want)
		}
	}
	sum := 0
	for _, q := range Questions() {
		sum += q.Points
	}
	if sum != 100 {
		t.Errorf("a cause is worth %d points, want 100", sum)
	}
}

func TestChoose(t *testing.T) {
	tests := []struct {
		names string
		want  string
	}{
		{"", "tcp_refused timeout_response auth_invalid quota_monthly"},
		{"slow tcp_refused", "tcp_refused slow"},
		{"refuse", `no game day plays "refuse"; want all, or some of tcp_refused, `},
	}
	for _, tt := range tests {
		faults, err := Choose(strings.Fields(tt.names))
		var got []string
		for _, f := range faults {
			got = append(got, string(f.Cause))
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if !strings.HasPrefix(strings.Join(got, " "), tt.want) || err == nil && strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %v, want %s", tt.names, got, tt.want)
		}
	}
	if all, err := Choose([]string{"all"}); err != nil || len(all) != len(Faults()) {
		t.Errorf("all: %d faults, %v", len(all), err)
	}
	for _, f := range Faults() {
		if _, ok := cause.Parse(string(f.Cause)); !ok {
			t.Errorf("%s is no cause", f.Cause)
		}
	}
}

// What a user of a page complains of.
func TestUse(t *testing.T) {
	release := make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			<-release
		case "/half":
			w.Header().Set("Content-Length", "64")
			io.WriteString(w, "half")
		case "/token":
			if r.Header.Get("Authorization") != "Bearer sesame" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		case "/to":
			http.Redirect(w, r, "/500", http.StatusFound)
		case "/429":
			w.WriteHeader(http.StatusTooManyRequests)
		case "/404":
			w.WriteHeader(http.StatusNotFound)
		case "/500":
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer app.Close()
	defer close(release)
	for path, want := range map[string]string{
		"/": "", "/token": "", "/to": "", "/429": "", "/404": "HTTP 404", "/500": "HTTP 500", "/half": "the answer ended too early", "/hang": "no answer within 1s",
	} {
		timeout := time.Minute
		if path == "/hang" {
			timeout = time.Second
		}
		w := &watcher{o: &Options{Timeout: timeout, Token: secrets.New("sesame")}}
		if got := w.use(t.Context(), app.URL+path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	w := &watcher{o: &Options{Timeout: time.Minute}}
	if got := w.use(t.Context(), "http://127.0.0.1:1/?secret=x"); !strings.Contains(got, "refused") || strings.Contains(got, "secret") {
		t.Errorf("an app that is gone: %q", got)
	}
}

func TestShownHidesWhatMayBeSecret(t *testing.T) {
	for address, want := range map[string]string{
		"https://u:p@app.example.com/a%2Fb?key=x#y": "https://app.example.com/a%2Fb",
		"::": "an address that cannot be read",
	} {
		if got := Shown(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
