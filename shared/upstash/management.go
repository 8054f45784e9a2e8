package upstash

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

const (
	defaultManagementURL = "https://api.upstash.com/v2"
	// freeCommands is the free plan's monthly quota, which the API does not tell
	// (https://upstash.com/docs/redis/overall/pricing).
	freeCommands = 500_000
	// sentinel is above every real limit: on paid plans the API answers numbers such as
	// 8024278031528736858 for "no limit".
	sentinel = 1 << 50
)

// ManagementOptions configures a [Management]. Email and APIKey are required; a
// read-only key is enough. Upstash issues keys for accounts, not for databases.
type ManagementOptions struct {
	Email  string
	APIKey secrets.Value
	// BaseURL is the API's address. Default https://api.upstash.com/v2.
	BaseURL string
	// Connection holds the options of the connection; its URL and Token are unused.
	Connection Options
}

// Management reads a database's figures from Upstash's account side
// (https://upstash.com/docs/devops/developer-api). It never writes.
type Management struct {
	client *Client
	base   *url.URL
	header http.Header
}

// NewManagement returns a client of the management API. It does not connect.
func NewManagement(o ManagementOptions) (*Management, error) {
	if o.Email == "" || o.APIKey.IsZero() {
		return nil, &Error{Op: "reading the management key", Cause: cause.ConfigMissing, Evidence: "the account's email or the management API key is empty"}
	}
	if o.BaseURL == "" {
		o.BaseURL = defaultManagementURL
	}
	o.Connection.URL, o.Connection.Token = o.BaseURL, o.APIKey
	client, err := New(o.Connection)
	if err != nil {
		return nil, err
	}
	base, err := parseURL(o.BaseURL, o.Connection.AllowHTTP)
	if err != nil {
		return nil, err
	}
	header := client.pingHeader.Clone()
	basic := base64.StdEncoding.EncodeToString([]byte(o.Email + ":" + o.APIKey.Reveal()))
	header.Set("Authorization", "Basic "+basic)
	client.redact = newRedactor(o.APIKey.Reveal(), base, basic)
	return &Management{client: client, base: base, header: header}, nil
}

// Format prints nothing of the client, through every verb: it holds the key.
func (*Management) Format(f fmt.State, _ rune) {
	io.WriteString(f, "upstash.Management{[redacted]}")
}

// LogValue is as reticent as Format.
func (*Management) LogValue() slog.Value {
	return slog.StringValue("upstash.Management{[redacted]}")
}

// CloseIdleConnections closes the connections kept for further requests.
func (m *Management) CloseIdleConnections() { m.client.CloseIdleConnections() }

// Database is what the account knows of a database.
type Database struct {
	ID   string `json:"database_id"`
	Name string `json:"database_name"`
	// State is "active", "suspended" or "passive".
	State string `json:"state"`
	// Type is the plan: "free", "payg", "pro" or "paid".
	Type          string   `json:"type"`
	PrimaryRegion string   `json:"primary_region"`
	ReadRegions   []string `json:"read_regions"`
	Eviction      bool     `json:"eviction"`
	// Endpoint is the host; the API answers a bare name or a full one.
	Endpoint string `json:"endpoint"`
	// MaxDataSize is the plan's data size in bytes, 0 without a limit.
	MaxDataSize int64 `json:"db_disk_threshold"`
	// MaxCommandsPerSecond is 0 without a limit.
	MaxCommandsPerSecond int64 `json:"db_max_commands_per_second"`
	// MonthlyCommands is the plan's quota, 0 without one.
	MonthlyCommands int64 `json:"db_request_limit"`
}

// Active reports whether Upstash serves the database.
func (d Database) Active() bool { return d.State == "" || d.State == "active" }

// Stats are a database's figures of the month, and its charts.
type Stats struct {
	MonthlyCommands  int64 `json:"total_monthly_requests"`
	MonthlyReads     int64 `json:"total_monthly_read_requests"`
	MonthlyWrites    int64 `json:"total_monthly_write_requests"`
	MonthlyBandwidth int64 `json:"total_monthly_bandwidth"` // bytes
	DailyCommands    int64 `json:"daily_net_commands"`
	DailyBandwidth   int64 `json:"dailybandwidth"`  // bytes
	Storage          int64 `json:"current_storage"` // bytes

	Keyspace    Series `json:"keyspace"`    // keys
	Throughput  Series `json:"throughput"`  // commands a second
	Hits        Series `json:"hits"`        // a second
	Misses      Series `json:"misses"`      // a second
	LatencyMean Series `json:"latencymean"` // milliseconds
	LatencyP99  Series `json:"latency_99"`  // milliseconds
	Connections Series `json:"connection_count"`
}

// Series is a chart's points in time order; points without a value are left out.
type Series []Point

// Point is a value at a time.
type Point struct {
	Time  time.Time
	Value float64
}

// Database reads a database. One that Upstash does not know is [cause.StatsState].
func (m *Management) Database(ctx context.Context, id string) (Database, error) {
	body, err := m.get(ctx, "management database", url.Values{"credentials": {"hide"}}, "redis", "database", id)
	if err != nil {
		return Database{}, err
	}
	return parseDatabase(body)
}

// Stats reads a database's figures.
func (m *Management) Stats(ctx context.Context, id string) (Stats, error) {
	body, err := m.get(ctx, "management stats", nil, "redis", "stats", id)
	if err != nil {
		return Stats{}, err
	}
	return parseStats(body)
}

func (m *Management) get(ctx context.Context, op string, query url.Values, path ...string) ([]byte, error) {
	for _, p := range path {
		if p == "" || strings.ContainsAny(p, "/?#.") {
			return nil, &Error{Op: op, Cause: cause.ConfigInvalid, Evidence: "the database id is empty or not an id"}
		}
	}
	target := m.base.JoinPath(path...)
	target.RawQuery = query.Encode()
	o, _ := m.client.send(ctx, m.client.kept, &http.Request{Method: http.MethodGet, URL: target, Header: m.header}, maxReply)
	if o.Err == nil && o.Status == http.StatusOK {
		return o.Body, nil
	}
	e := newError(op, o, m.client.redact)
	e.Cause = classifyManagement(o)
	return nil, e
}

// classifyManagement names why the account's side does not answer. It says nothing
// about the database, which is well or not whatever this API does.
func classifyManagement(o Outcome) cause.Cause {
	switch {
	case errors.Is(o.Err, context.Canceled):
		return cause.Interrupted
	case o.Err == nil && o.Status == http.StatusNotFound && !isHTML(o):
		return cause.StatsState
	default:
		return cause.MonitorManagement
	}
}

func parseDatabase(body []byte) (Database, error) {
	var d Database
	if err := json.Unmarshal(body, &d); err != nil || d.ID == "" {
		return Database{}, unreadable("management database")
	}
	d.MaxDataSize, d.MaxCommandsPerSecond, d.MonthlyCommands = limit(d.MaxDataSize), limit(d.MaxCommandsPerSecond), limit(d.MonthlyCommands)
	if d.Type == "free" && d.MonthlyCommands == 0 {
		d.MonthlyCommands = freeCommands
	}
	if d.Endpoint != "" && !strings.Contains(d.Endpoint, ".") {
		d.Endpoint += ".upstash.io"
	}
	return d, nil
}

func parseStats(body []byte) (Stats, error) {
	var s Stats
	if err := json.Unmarshal(body, &s); err != nil {
		return Stats{}, unreadable("management stats")
	}
	return s, nil
}

func unreadable(op string) error {
	return &Error{Op: op, Cause: cause.MonitorManagement, Status: http.StatusOK, Phase: PhaseRead, Evidence: "HTTP 200: the answer is not what the API documents"}
}

// limit turns the sentinels for "no limit" into 0.
func limit(n int64) int64 {
	if n < 0 || n >= sentinel {
		return 0
	}
	return n
}

// UnmarshalJSON reads [{"x": "2025-08-31 15:12:52.799480932 +0000 UTC", "y": 0}, …]. A
// series may be null, and so may the last value of one. What cannot be read is left out.
func (s *Series) UnmarshalJSON(b []byte) error {
	var points []struct {
		X string   `json:"x"`
		Y *float64 `json:"y"`
	}
	*s = nil
	if err := json.Unmarshal(b, &points); err != nil {
		return nil //nolint:nilerr // a chart that changed its form must not hide the month's figures
	}
	for _, p := range points {
		if p.Y == nil {
			continue
		}
		if at, err := parseGoTime(p.X); err == nil {
			*s = append(*s, Point{Time: at, Value: *p.Y})
		}
	}
	return nil
}

// parseGoTime reads what time.Time.String prints, with or without the monotonic clock.
func parseGoTime(s string) (time.Time, error) {
	s, _, _ = strings.Cut(s, " m=")
	return time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", s)
}
