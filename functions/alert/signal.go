package alert

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// attributeLogEntry is set on messages of a Cloud Logging sink
// (https://cloud.google.com/logging/docs/export/pubsub).
const attributeLogEntry = "logging.googleapis.com/timestamp"

// signalQuiet is how long an identical signal is dropped, because a service that keeps
// restarting keeps repeating itself.
const signalQuiet = 10 * time.Second

type recentSignal struct {
	mode report.Mode
	at   time.Time
}

// maxRecent bounds what is remembered of signals.
const maxRecent = 10_000

// repeats reports whether a source has just sent the same of a revision.
func (f *Function) repeats(sig report.Signal) bool {
	key := recentKey(sig)
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	last, ok := f.signals[key]
	if ok && last.mode == sig.Mode && !last.at.After(now) && now.Sub(last.at) < signalQuiet {
		return true
	}
	if len(f.signals) >= maxRecent {
		clear(f.signals)
	}
	f.signals[key] = recentSignal{sig.Mode, now}
	return false
}

func recentKey(sig report.Signal) string {
	return strings.Join([]string{sig.Evidence(), sig.Database, sig.Service, strconv.FormatBool(sig.Limiter)}, "\x00")
}

// signal finds the database of a signal and applies it to its shard.
func (f *Function) signal(ctx context.Context, sig report.Signal) error {
	if sig.Database == "" {
		sig.Database = f.databaseOf(sig.Service)
	}
	db := f.config.Database(sig.Database)
	if db == nil || !slices.Contains(f.policy(db.Shard).Databases[db.Name].Services, sig.Service) {
		return f.unknown(ctx, sig)
	}
	if f.repeats(sig) {
		return nil
	}
	f.log.InfoContext(ctx, "signal", "event", "signal", "service", sig.Service, "revision", sig.Revision,
		"database", sig.Database, "mode", sig.Mode, "source", sig.Source)
	err := f.settle(ctx, db.Shard)
	if err == nil {
		err = f.apply(ctx, db.Shard, Input{Signal: &sig})
	}
	if err != nil { // another try must not look like a repetition
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.signals, recentKey(sig))
	}
	return err
}

// maxUnknown bounds how many unknown services are told apart.
const maxUnknown = 100

// unknown notes that a service spoke that the configuration does not name. Those that hold an
// event key are one incident, in the first shard: otherwise they could open an incident of any
// name. Lines of a log open none, because strangers can make an app log what they send.
func (f *Function) unknown(ctx context.Context, sig report.Signal) error {
	f.log.WarnContext(ctx, "signal of a service that no database names", "event", "signal", "service", sig.Service,
		"database", sig.Database, "mode", sig.Mode)
	if sig.Source == report.SourceLogs {
		return nil
	}
	f.mu.Lock()
	known := f.strangers[sig.Service]
	full := len(f.strangers) >= maxUnknown
	if !known && !full {
		f.strangers[sig.Service] = true
	}
	n := len(f.strangers)
	names := slices.Sorted(maps.Keys(f.strangers))
	f.mu.Unlock()
	if known || full || sig.Mode != report.Activated {
		return nil
	}
	return f.apply(ctx, f.first, Input{Unknown: fmt.Sprintf("signals of mock mode from %s that the configuration does not name: %s",
		text.Count(n, "service", "services"), text.Clip(strings.Join(names, ", "), 150))})
}

// databaseOf returns the database that a service uses, empty where none is configured.
func (f *Function) databaseOf(service string) string {
	if name, ok := f.config.Services[service]; ok {
		return name
	}
	for _, d := range f.config.Databases {
		for _, app := range d.Apps {
			if app.Service == service {
				return d.Name
			}
		}
	}
	return ""
}

// entry is what matters of a Cloud Logging LogEntry
// (https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry).
type entry struct {
	InsertID  string    `json:"insertId"`
	Timestamp time.Time `json:"timestamp"`
	Resource  struct {
		Labels map[string]string `json:"labels"`
	} `json:"resource"`
	TextPayload string `json:"textPayload"`
	JSONPayload struct {
		Message  string `json:"message"`
		Event    string `json:"event"`
		Service  string `json:"service"`
		Database string `json:"database"`
		Reason   string `json:"reason"`
	} `json:"jsonPayload"`
}

// loggedText begins a line of mock mode that names no event. Further on, a line may quote what a
// stranger has sent.
const loggedText = "MOCK MODE ACTIVE"

// beginsMockMode reports whether a line begins with loggedText, in any case. Spaces and emoji
// may stand before it. The sink's filter asks the same: "^[^!-~]*(?i:MOCK MODE ACTIVE)". The mock
// is not on where the line goes on with a no, as an app's list of its settings does.
func beginsMockMode(line string) (begins, on bool) {
	line = strings.TrimLeftFunc(line, func(r rune) bool { return r < '!' || r > '~' })
	if len(line) < len(loggedText) || !strings.EqualFold(line[:len(loggedText)], loggedText) {
		return false, false
	}
	value := strings.Trim(line[len(loggedText):], " \t\r\n:=?()'\".")
	return true, !slices.Contains([]string{"false", "no", "off", "0", "none"}, strings.ToLower(value))
}

// logEntry reads a message of a log sink; ok is false for any other message. A line that says
// that no mock is on is a signal without a mode.
func logEntry(e envelope) (sig report.Signal, ok bool, err error) {
	if _, ok := e.Message.Attributes[attributeLogEntry]; !ok || e.Message.Attributes[report.AttributeKind] != "" {
		return sig, false, nil
	}
	var l entry
	if err := json.Unmarshal(e.Message.Data, &l); err != nil {
		return sig, true, fmt.Errorf("decoding log entry: %w: %w", err, errPoison)
	}
	said, labels := cmp.Or(l.TextPayload, l.JSONPayload.Message), l.Resource.Labels
	sig = report.Signal{
		ID: l.InsertID, Source: report.SourceLogs, Database: l.JSONPayload.Database,
		// The app's own name, otherwise that of what runs it.
		Service:  cmp.Or(l.JSONPayload.Service, labels["service_name"], labels["container_name"], labels["instance_id"]),
		Revision: labels["revision_name"], Reason: outbound.Redact(l.JSONPayload.Reason),
		Message: outbound.Redact(said), At: l.Timestamp,
	}
	text.Outside(&sig, report.MaxEvidence)
	if sig.At.IsZero() {
		sig.At = e.Message.PublishTime
	}
	switch begins, on := beginsMockMode(said); {
	case sig.Logged(l.JSONPayload.Event):
	case on:
		sig.Mode, sig.Limiter = report.Activated, false
	case begins:
		return report.Signal{}, true, nil
	default:
		return sig, true, fmt.Errorf("log entry says nothing of mock mode or the limiter: %w", errPoison)
	}
	if sig.Service == "" || sig.At.IsZero() {
		return sig, true, fmt.Errorf("log entry names no service: %w", errPoison)
	}
	return sig, true, nil
}
