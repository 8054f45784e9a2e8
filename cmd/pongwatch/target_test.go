package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestCheckID(t *testing.T) {
	for id, good := range map[string]bool{
		"INC-7F3A9K": true, "inc-7f3a9k": true, "7F3A9K": true, " 7F3A9K ": true, "20261122T182201Z-7F3A9K2M4QXT": true,
		"": false, "INC-": false, "7F3A9": false, "7F3A9KX": false, "20261122T182201Z": false, "INC-7F3A9K;": false, "INC 7F3A9K": false,
	} {
		if err := checkID(id); (err == nil) != good {
			t.Errorf("%q: %v, want good %v", id, err, good)
		}
	}
}

// What a command names is found among what is open, resolved and grouped, and said in
// words; where nothing is found, the candidates are listed.
func TestResolve(t *testing.T) {
	at := time.Date(2026, 11, 22, 18, 34, 5, 0, time.UTC)
	full := func(short string) string { return "20261122T182201Z-" + short + "AAAAAA" }
	one := func(short string, edit func(*incidents.Incident)) incidents.Incident {
		i := incidents.Incident{ID: "INC-" + short, FullID: full(short), Shard: "main", Database: "prod-cache", Check: report.Ping, Title: "Redis refuses the token"}
		if edit != nil {
			edit(&i)
		}
		return i
	}
	v := incidents.View{
		At: at,
		Open: []incidents.Incident{one("AAAAAA", nil), one("BBBBBB", func(i *incidents.Incident) {
			i.Check, i.Subject, i.Title = report.MockMode, "back\x1bend", "The app uses a mock"
		})},
		Drills:   []incidents.Incident{one("CCCCCC", nil)},
		Resolved: []incidents.Incident{one("DDDDDD", func(i *incidents.Incident) { i.Resolved = at.Add(-time.Minute) })},
		Groups:   []incidents.Group{{ID: "INC-EEEEEE", FullID: full("EEEEEE"), Shard: "eu", Class: cause.ClassNetwork, Members: []string{"a", "b", "c"}}},
	}
	many := incidents.View{At: at}
	for i := range 25 {
		many.Open = append(many.Open, one(fmt.Sprintf("%06d", i), nil))
	}
	tests := []struct {
		name, id, shard string
		view            incidents.View
		out, err        string
	}{
		{"an incident", "INC-AAAAAA", "main", v, "INC-AAAAAA is prod-cache ping: Redis refuses the token.\n", ""},
		{"an incident of a service", "INC-BBBBBB", "", v, "INC-BBBBBB is prod-cache mock_mode of backend: The app uses a mock.\n", ""},
		{"a drill", "INC-CCCCCC", "", v, "INC-CCCCCC is a drill.\n", ""},
		{"a group", "INC-EEEEEE", "", v, "INC-EEEEEE is a group of 3 incidents: network.\n", ""},
		{"what is over", "INC-DDDDDD", "", v, "", "INC-DDDDDD (prod-cache ping: Redis refuses the token) was resolved at 18:33 UTC"},
		{"what is not there, where nothing is open", "INC-AAAAAA", "", incidents.View{At: at}, "", "there is no incident INC-AAAAAA: nothing is open"},
		{"an incident of another shard", "INC-AAAAAA", "eu", v, "", "there is no open incident INC-AAAAAA; open are\n  INC-AAAAAA  prod-cache ping"},
		{"what is not there, among many", "INC-ZZZZZZ", "", many, "", "\n  INC-000019  prod-cache ping: Redis refuses the token\n  and 5 more"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAsker(&cobra.Command{}, 0)
			var out strings.Builder
			a.SetOut(&out)
			c := report.Command{Incident: tt.id, Shard: tt.shard}
			err := a.resolve(received(t, tt.view), &c)
			if out.String() != tt.out {
				t.Errorf("it prints %q, want %q", out.String(), tt.out)
			}
			_, no := errors.AsType[negative](err)
			switch {
			case tt.err == "" && (err != nil || c.Incident != full(strings.TrimPrefix(tt.id, "INC-")) || c.Shard == "" || a.target.FullID != c.Incident):
				t.Errorf("%v, command %+v, want the full id and the shard", err, c)
			case tt.err != "" && (!no || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want the answer no with %q", err, tt.err)
			}
		})
	}
	if a := newAsker(&cobra.Command{}, 0); a.resolve(v, &report.Command{}) != nil {
		t.Error("a command that names no incident is refused")
	}
}

// An unsilence ends the silences of what it names, and no others.
func TestScopeEnds(t *testing.T) {
	database := scope{series: report.Series{Database: "a"}}
	ping := scope{series: report.Series{Database: "a", Check: report.Ping}}
	named := target{Incident: incidents.Incident{ID: "INC-7F3A9K", Database: "a", Check: report.MockMode, Subject: "backend"}}
	tests := []struct {
		name    string
		scope   scope
		target  target
		silence incidents.Silence
		ends    bool
	}{
		{"the database's", database, target{}, incidents.Silence{Database: "a"}, true},
		{"one of the database's checks", database, target{}, incidents.Silence{Database: "a", Check: report.Ping}, true},
		{"another database's", database, target{}, incidents.Silence{Database: "b"}, false},
		{"an incident's of the database", database, target{}, incidents.Silence{Incident: "INC-7F3A9K", Database: "a"}, false},
		{"the check's", ping, target{}, incidents.Silence{Database: "a", Check: report.Ping}, true},
		{"another check's", ping, target{}, incidents.Silence{Database: "a", Check: report.Latency}, false},
		{"the whole database's, for a check", ping, target{}, incidents.Silence{Database: "a"}, false},
		{"the incident's", scope{}, named, incidents.Silence{Incident: "INC-7F3A9K"}, true},
		{"another incident's", scope{}, named, incidents.Silence{Incident: "INC-AAAAAA"}, false},
		{"its database's", scope{}, named, incidents.Silence{Database: "a"}, true},
		{"its check's", scope{}, named, incidents.Silence{Database: "a", Check: report.MockMode}, true},
		{"its service's", scope{}, named, incidents.Silence{Database: "a", Check: report.MockMode, Subject: "backend"}, true},
		{"another check's of its database", scope{}, named, incidents.Silence{Database: "a", Check: report.Ping}, false},
		{"another service's", scope{}, named, incidents.Silence{Database: "a", Check: report.MockMode, Subject: "frontend"}, false},
		{"of another database", scope{}, named, incidents.Silence{Database: "b"}, false},
	}
	for _, tt := range tests {
		if got := tt.scope.ends(tt.silence, tt.target); got != tt.ends {
			t.Errorf("%s: ends %v, want %v", tt.name, got, tt.ends)
		}
	}
}

func TestParseSilence(t *testing.T) {
	for text, want := range map[string]time.Duration{"24h": 24 * time.Hour, "1ns": 1, "24h0m0.000000001s": 0, "0s": 0, "-1m": 0, "1 h": 0} {
		if got, err := parseSilence(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
}

// A drill without receivers, and one that another receiver takes.
func TestDrillOfReceivers(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	f.policy.Receivers = map[string]policy.Receiver{}
	expect(t, exitNo, "reached no receiver: none is configured", "drill", "--wait", "500ms", "--url", f.URL)

	at := time.Date(2026, 11, 22, 18, 34, 5, 0, time.UTC)
	tests := []struct {
		told incidents.Told
		want string
	}{
		{incidents.Told{Delivery: incidents.DeliveryDone, At: at}, "at 18:34 UTC"},
		{incidents.Told{Delivery: incidents.DeliveryDone, At: at, InsteadOf: "slack-oncall"}, "at 18:34 UTC (in place of slack-oncall)"},
		{incidents.Told{Delivery: incidents.DeliveryPending, Since: at}, "since 18:34 UTC"},
		{incidents.Told{Delivery: incidents.DeliveryPending, Since: at, Tries: 2, Error: "503\n"}, "since 18:34 UTC, 2 tries: 503"},
		{incidents.Told{Delivery: incidents.DeliveryFailed, Error: "channel_not_found"}, "channel_not_found"},
	}
	for _, tt := range tests {
		if got := howTold(received(t, tt.told), at); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.told, got, tt.want)
		}
	}
}

// A drill is waited for until no delivery is pending, or until the last look.
func TestDrilled(t *testing.T) {
	c := report.Command{ID: "COMMAND"}
	with := func(deliveries ...incidents.Delivery) incidents.View {
		d := incidents.Incident{ID: "INC-7F3A9K", Subject: incident.DrillSubject(c.ID)}
		for _, delivery := range deliveries {
			d.Told = append(d.Told, incidents.Told{Receiver: "slack", Delivery: delivery})
		}
		return incidents.View{Drills: []incidents.Incident{{ID: "INC-AAAAAA", Subject: "another"}, d}}
	}
	const done, pending, failed = incidents.DeliveryDone, incidents.DeliveryPending, incidents.DeliveryFailed
	tests := []struct {
		name     string
		view     incidents.View
		last     bool
		seen, no bool
		lines    int
	}{
		{"it is not there yet", incidents.View{}, false, false, false, 0},
		{"it was never there", incidents.View{}, true, false, false, 0},
		{"one delivery is pending", with(done, pending), false, false, false, 0},
		{"one delivery is pending at the last look", with(done, pending), true, true, true, 3},
		{"all took it", with(done, done), false, true, false, 3},
		{"one refuses it", with(failed, done), false, true, true, 3},
		{"there is no receiver", with(), false, true, true, 0},
	}
	for _, tt := range tests {
		a := newAsker(&cobra.Command{}, 0)
		var out strings.Builder
		a.SetOut(&out)
		seen, err := a.drilled(tt.view, c, tt.last)
		_, no := errors.AsType[negative](err)
		if seen != tt.seen || no != tt.no || strings.Count(out.String(), "\n") != tt.lines {
			t.Errorf("%s: seen %v, %v, printed %q; want seen %v, the answer no %v, %d lines", tt.name, seen, err, out.String(), tt.seen, tt.no, tt.lines)
		}
	}
}
