package alert_test

import (
	"fmt"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// One run of the protocol that delivers for certain: decide, claim, store, send, record.
// A crash after any of these lines loses nothing, since what is owed is in the state.
func ExampleStep() {
	rules := policy.Default()
	rules.Databases = map[string]policy.Database{"prod-cache": {}}
	rules.Receivers = map[string]policy.Receiver{"slack-oncall": {Pages: true}}
	rules.Routes = []policy.Route{{Receivers: []string{"slack-oncall"}}}

	now := time.Date(2026, 11, 22, 18, 22, 1, 0, time.UTC)
	refused := report.Report{
		Job: report.HealthCheck, Region: "us-east4", Shard: "main", Scheduled: now.Truncate(time.Minute), Every: time.Minute,
		Observations: []report.Observation{{
			Database: "prod-cache", Check: report.Ping, Source: "us-east4",
			Status: report.Fail, Cause: cause.AuthInvalid, At: now, Every: time.Minute,
		}},
	}

	state, transitions := alert.Step(incident.New("main", now), alert.Input{Report: &refused}, rules, now)
	fmt.Println(transitions[0].Event, transitions[0].Severity, transitions[0].Cause)

	state, notices := notify.Claim(state, now, "this process", 90*time.Second, 10)
	document, err := incident.Encode(state) // and stored, by compare-and-swap, before anything is sent
	fmt.Println(len(document) > 0, err)

	for _, n := range notices {
		if n.Address == incident.Documents {
			continue // written to the store
		}
		fmt.Println(n.Address, n.Event(), n.Incident.Cause)
		state = notify.Record(state, []notify.Result{{
			ID: n.ID(), Address: n.Address, Owner: n.Owner, Want: n.Want, Open: n.Open,
			Outcome: message.Outcome{Result: message.Delivered}, Ref: incident.Ref{ID: "1795868001.008478"},
		}}, rules, now)
	}

	// The same run once more changes nothing, and nothing is owed.
	state, transitions = alert.Step(state, alert.Input{Report: &refused}, rules, now)
	_, notices = notify.Claim(state, now, "another process", 90*time.Second, 10)
	fmt.Println(len(transitions), len(notices))
	// Output:
	// opened critical auth_invalid
	// true <nil>
	// slack-oncall opened auth_invalid
	// 0 0
}
