package inbound

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Vercel's choice; an HMAC by SHA-1 is not known to be forgeable
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
)

const (
	maxDrainBody = 4 << 20
	// maxDrained bounds the signals of one batch; a batch is many lines of few services.
	maxDrained = 20
	// drainOld is the age from which an entry says nothing any more. Apps repeat what lasts
	// every five minutes, and Vercel signs no time: so an old batch cannot be sent anew.
	drainOld = time.Hour
)

// drainEntry is what matters of an entry of Vercel's log drain
// (https://vercel.com/docs/drains/reference/logs).
type drainEntry struct {
	ID           string `json:"id"`
	DeploymentID string `json:"deploymentId"`
	ProjectName  string `json:"projectName"`
	Timestamp    int64  `json:"timestamp"` // milliseconds
	Message      string `json:"message"`
	Environment  string `json:"environment"`
	Source       string `json:"source"`
}

// drainLine is the line that docs/mock-mode.md describes.
type drainLine struct{ Event, Service, Reason, Message string }

// drain answers a batch of Vercel's log drain. Of all its entries only an app's line of mock mode
// or its limiter counts, and only of a service that the configuration names.
func (f *function) drain(w http.ResponseWriter, r *http.Request) {
	body, ok := f.read(w, r, surface{
		keys: f.config.Inbound.EventKeys, limit: maxDrainBody, types: []string{"application/json", "application/x-ndjson"}, header: "X-Vercel-Signature",
		verify: func(key secrets.Value, body []byte) error { return verifyDrain(r.Header, key, body) },
	})
	if !ok {
		return
	}
	entries, err := drainEntries(body)
	if err != nil {
		job.WriteError(w, http.StatusBadRequest, `body is neither a JSON array nor NDJSON, want [{"id": "…", "message": "…", "timestamp": 1795371721000}]`)
		return
	}
	signals := f.drained(entries)
	for _, s := range signals {
		if !f.signal(r.Context(), s) {
			job.WriteError(w, http.StatusServiceUnavailable, "the lines could not be handed over, try again")
			return
		}
	}
	job.WriteJSON(w, http.StatusOK, map[string]int{"entries": len(entries), "signals": len(signals)})
}

// verifyDrain checks Vercel's signature: the hexadecimal HMAC by SHA-1 of the body, with the
// drain's secret, which is the text of an event key.
func verifyDrain(h http.Header, key secrets.Value, body []byte) error {
	given, _ := hex.DecodeString(h.Get("X-Vercel-Signature")) // what is not hexadecimal fits no key
	for text := range strings.FieldsSeq(key.Reveal()) {
		mac := hmac.New(sha1.New, []byte(text))
		mac.Write(body)
		if hmac.Equal(mac.Sum(nil), given) {
			return nil
		}
	}
	return signature.ErrInvalid
}

// drainEntries reads a JSON array, or values one after the other.
func drainEntries(body []byte) ([]drainEntry, error) {
	var entries []drainEntry
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		err := json.Unmarshal(body, &entries)
		return entries, err
	}
	for d := json.NewDecoder(bytes.NewReader(body)); d.More(); {
		var e drainEntry
		if err := d.Decode(&e); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// drained returns the signals of a batch: of each service and deployment each change once.
func (f *function) drained(entries []drainEntry) []report.Signal {
	var signals []report.Signal
	last := map[string]report.Mode{}
	for _, e := range entries {
		at := time.UnixMilli(e.Timestamp).UTC()
		if age := f.now().Sub(at); age > drainOld || age < -drainOld {
			continue
		}
		if e.Environment == "preview" || e.Source == "build" {
			continue // without a database by design: docs/vercel.md
		}
		// An entry may hold all lines of a request.
		for line := range strings.Lines(e.Message) {
			s, ok := drainSignal(e, line)
			key := s.Service + "\x00" + s.Revision + "\x00" + strconv.FormatBool(s.Limiter)
			if !ok || !f.serves(s.Service) || last[key] == s.Mode || len(signals) == maxDrained {
				continue
			}
			s.At, last[key] = at, s.Mode
			signals = append(signals, s)
		}
	}
	return signals
}

func drainSignal(e drainEntry, line string) (report.Signal, bool) {
	var l drainLine
	if line = strings.TrimSpace(line); !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &l) != nil {
		return report.Signal{}, false
	}
	s := report.Signal{
		Source: report.SourceLogs, Service: l.Service, Revision: e.DeploymentID, Reason: l.Reason, Message: l.Message,
	}
	cleaned(&s)
	if s.Service == "" {
		s.Service = e.ProjectName
	}
	if !s.Logged(l.Event) {
		return report.Signal{}, false
	}
	s.ID = identity("vercel", e.ID, s.Service, l.Event)
	return s, true
}

// serves reports whether the configuration names a service.
func (f *function) serves(service string) bool {
	if _, ok := f.config.Services[service]; ok {
		return true
	}
	for i := range f.config.Databases {
		for _, app := range f.config.Databases[i].Apps {
			if app.Service == service {
				return true
			}
		}
	}
	return false
}
