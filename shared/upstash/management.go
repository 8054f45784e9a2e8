package upstash

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

const (
	defaultManagementURL = "https://api.upstash.com/v2"
	// freeCommands is the free plan's monthly quota, which the API does not report
	// (https://upstash.com/docs/redis/overall/pricing).
	freeCommands = 500_000
	// sentinel is above every real limit: on paid plans the API answers numbers such as
	// 8024278031528736858 for "no limit".
	sentinel = 1 << 50
)

// Management reads a database's figures from Upstash's account side
// (https://upstash.com/docs/devops/developer-api). It never writes.
type Management struct {
	opaque

	client *Client
	header http.Header
}

// NewManagement returns a client of the management API, which does not connect. The token is an API
// key of the account with that email; a read-only one is enough. Without a URL it asks
// https://api.upstash.com/v2.
func NewManagement(email string, o Options) (*Management, error) {
	if email == "" || o.Token.IsZero() {
		return nil, &Error{Op: "reading the management key", Cause: cause.ConfigMissing, Evidence: "the account's email or the management API key is empty"}
	}
	o.URL = cmp.Or(o.URL, defaultManagementURL)
	client, err := New(o)
	if err != nil {
		return nil, err
	}
	header := client.pingHeader.Clone()
	basic := base64.StdEncoding.EncodeToString([]byte(email + ":" + o.Token.Reveal()))
	header.Set("Authorization", "Basic "+basic)
	client.redact = newRedactor(o.Token.Reveal(), client.base, basic)
	return &Management{client: client, header: header}, nil
}

// CloseIdleConnections closes the connections kept for further requests.
func (m *Management) CloseIdleConnections() { m.client.CloseIdleConnections() }

// Database is what the account knows of a database.
type Database struct {
	ID string `json:"database_id"`
	// Name is what people call it. It is not unique.
	Name string `json:"database_name"`
	// Endpoint is its host, or the first label of it under upstash.io.
	Endpoint string `json:"endpoint"`
	// Region is where its primary is. A database of one region, an old kind, has the other field.
	Region     string `json:"primary_region"`
	OnlyRegion string `json:"region"`
	// State is "active", "suspended" or "passive".
	State string `json:"state"`
	// Type is the plan: "free", "payg", "pro" or "paid".
	Type string `json:"type"`
	// MonthlyCommands is the plan's quota, 0 without one.
	MonthlyCommands int64 `json:"db_request_limit"`
	// Budget is the most dollars a month that a pay-as-you-go database may cost. At it Upstash
	// suspends the database.
	Budget float64 `json:"budget"`
	// MaxData is the most bytes it may hold.
	MaxData int64 `json:"db_disk_threshold"`
	// Eviction says that a full database drops keys, TLS that it refuses plain text. Nil is not told.
	Eviction *bool `json:"eviction"`
	TLS      *bool `json:"tls"`
}

// Stats are the figures of a database's month.
type Stats struct {
	Commands int64
	// Bandwidth is the traffic in bytes and Dollars what the month costs so far; nil is not told.
	Bandwidth, Dollars *float64
	// ByType are the newest counts of each type of command, the oldest first.
	ByType []CommandCount
}

// CommandCount is a type of command with its counts.
type CommandCount struct {
	Name   string `json:"metric_identifier"`
	Points []struct {
		Count float64 `json:"y"`
	} `json:"data_points"`
}

// URL returns the address of its REST API.
func (d Database) URL() string {
	if strings.Contains(d.Endpoint, ".") {
		return "https://" + d.Endpoint
	}
	return "https://" + d.Endpoint + ".upstash.io"
}

// Active reports whether Upstash serves the database.
func (d Database) Active() bool { return d.State == "" || d.State == "active" }

const opDatabase = "management database"

// DatabaseJSON reads everything that the API says of a database, without its credentials.
func (m *Management) DatabaseJSON(ctx context.Context, id string) ([]byte, error) {
	return m.get(ctx, opDatabase, url.Values{"credentials": {"hide"}}, "redis", "database", id)
}

// Database reads a database. One that Upstash does not know is [cause.StatsState].
func (m *Management) Database(ctx context.Context, id string) (Database, error) {
	body, err := m.DatabaseJSON(ctx, id)
	if err != nil {
		return Database{}, err
	}
	var d Database
	// A figure of another type is left out, and so is everything of an answer that is no JSON.
	if _ = json.Unmarshal(body, &d); d.ID == "" {
		return Database{}, unreadable(opDatabase)
	}
	d.settle()
	return d, nil
}

// settle cleans what was decoded, and gives unlimited and missing figures their meaning.
func (d *Database) settle() {
	text.Outside(d, maxName)
	if d.Region == "" && d.OnlyRegion != "global" {
		d.Region = d.OnlyRegion
	}
	if d.MonthlyCommands < 0 || d.MonthlyCommands >= sentinel {
		d.MonthlyCommands = 0
	}
	if d.Type == "free" && d.MonthlyCommands == 0 {
		d.MonthlyCommands = freeCommands
	}
}

// Databases lists the databases of the account, without their credentials.
func (m *Management) Databases(ctx context.Context) ([]Database, error) {
	const op = "management databases"
	body, err := m.get(ctx, op, url.Values{"credentials": {"hide"}}, "redis", "databases")
	if err != nil {
		return nil, err
	}
	var all []Database
	// As above: a figure of another type is left out, but a database without an id is no answer.
	if _ = json.Unmarshal(body, &all); all == nil || slices.ContainsFunc(all, func(d Database) bool { return d.ID == "" }) {
		return nil, unreadable(op)
	}
	for i := range all {
		all[i].settle()
	}
	return all, nil
}

// Token reads the standard REST token of a database, which only some keys may see.
func (m *Management) Token(ctx context.Context, id string) (secrets.Value, error) {
	body, err := m.get(ctx, opDatabase, nil, "redis", "database", id)
	if err != nil {
		return secrets.Value{}, err
	}
	var d struct {
		Token string `json:"rest_token"`
	}
	if _ = json.Unmarshal(body, &d); d.Token == "" {
		return secrets.Value{}, &Error{Op: opDatabase, Cause: cause.MonitorManagement, Status: http.StatusOK, Phase: PhaseRead, Evidence: "the answer has no token; a read-only key may not see it"}
	}
	return secrets.New(d.Token), nil
}

// Stats reads the month's figures of a database. Those beside the commands may be missing.
func (m *Management) Stats(ctx context.Context, id string) (Stats, error) {
	const op = "management stats"
	body, err := m.get(ctx, op, nil, "redis", "stats", id)
	if err != nil {
		return Stats{}, err
	}
	var figures struct {
		Commands  json.RawMessage `json:"total_monthly_requests"`
		Bandwidth json.RawMessage `json:"total_monthly_bandwidth"`
		Dollars   json.RawMessage `json:"total_monthly_billing"`
		ByType    json.RawMessage `json:"command_counts"`
	}
	// Commands that are not said are not none.
	if err := json.Unmarshal(body, &figures); err != nil || number(figures.Commands) == nil {
		return Stats{}, unreadable(op)
	}
	stats := Stats{Commands: int64(*number(figures.Commands)), Bandwidth: number(figures.Bandwidth), Dollars: number(figures.Dollars)}
	_ = json.Unmarshal(figures.ByType, &stats.ByType) // of counts of another shape what can be read
	text.Outside(&stats, maxName)
	return stats, nil
}

// number returns a figure, or nil for one that is missing or of another type.
func number(raw json.RawMessage) *float64 {
	var n float64
	if len(raw) == 0 || string(raw) == "null" || json.Unmarshal(raw, &n) != nil {
		return nil
	}
	return &n
}

func unreadable(op string) error {
	return &Error{Op: op, Cause: cause.MonitorManagement, Status: http.StatusOK, Phase: PhaseRead, Evidence: "HTTP 200: the answer is not what the API documents"}
}

func (m *Management) get(ctx context.Context, op string, query url.Values, path ...string) ([]byte, error) {
	for _, p := range path {
		if p == "" || strings.ContainsAny(p, "/?#.") {
			return nil, &Error{Op: op, Cause: cause.ConfigInvalid, Evidence: "the database id is empty or not an id"}
		}
	}
	return m.read(ctx, op, query, m.client.base.JoinPath(path...))
}

func (m *Management) read(ctx context.Context, op string, query url.Values, target *url.URL) ([]byte, error) {
	target.RawQuery = query.Encode()
	o, _ := m.client.send(ctx, m.client.kept, &http.Request{Method: http.MethodGet, URL: target, Header: m.header}, maxReply)
	if o.Err == nil && o.Status == http.StatusOK {
		return o.Body, nil
	}
	e := newError(op, o, m.client.redact)
	// The account's side says nothing about the database, which is well or not whatever this API does.
	switch {
	case errors.Is(o.Err, context.Canceled):
		e.Cause = cause.Interrupted
	case o.Err == nil && o.Status == http.StatusNotFound && !isHTML(o):
		e.Cause = cause.StatsState
	default:
		e.Cause = cause.MonitorManagement
	}
	return nil, e
}

// Action is something that was done in the account.
type Action struct {
	At time.Time
	// Name is Upstash's own: "Reset Password".
	Name string
	// Entities are what it was done to, by name or id.
	Entities []string
	// Databases are the ids of the account's databases that have the name of an entity.
	Databases []string
}

// none is what Upstash writes where an action has no further entity.
const none = "NA"

// Actions reads what was done in the account since then, in the API's order
// (https://upstash.com/docs/devops/developer-api/account/list_audit_logs). The audit log has the
// databases' names in place of their ids, so that Actions looks the ids up.
func (m *Management) Actions(ctx context.Context, since time.Time) ([]Action, error) {
	const op = "management audit log"
	// Unlike all others it has no version in its path.
	body, err := m.read(ctx, op, nil, m.client.base.JoinPath("..", "auditlogs"))
	if err != nil {
		return nil, err
	}
	var entries []struct {
		Timestamp int64  `json:"timestamp"`
		Action    string `json:"action_string"`
		Entity    string `json:"entity"`
		Second    string `json:"secondary_entity"`
		Third     string `json:"third_entity"`
	}
	// An entry of another shape costs no other.
	if _ = json.Unmarshal(body, &entries); entries == nil {
		return nil, unreadable(op)
	}
	var actions []Action
	for _, e := range entries {
		a := Action{At: time.Unix(e.Timestamp, 0).UTC(), Name: e.Action}
		if a.Name == "" || a.At.Before(since) {
			continue
		}
		for _, entity := range []string{e.Entity, e.Second, e.Third} {
			if entity != "" && entity != none {
				a.Entities = append(a.Entities, entity)
			}
		}
		actions = append(actions, a)
	}
	text.Outside(&actions, maxName)
	if len(actions) == 0 {
		return nil, nil // as nearly always
	}
	databases, err := m.Databases(ctx)
	if err != nil {
		return nil, err
	}
	for i := range actions {
		for _, d := range databases {
			if slices.Contains(actions[i].Entities, d.Name) || slices.Contains(actions[i].Entities, d.ID) {
				actions[i].Databases = append(actions[i].Databases, d.ID)
			}
		}
	}
	return actions, nil
}
