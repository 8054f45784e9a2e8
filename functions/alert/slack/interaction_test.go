package slack_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// The vector of Slack's own documentation
// (docs.slack.dev/authentication/verifying-requests-from-slack).
const (
	vectorSecret    = "8f742231b10e8888abcd99yyyzzz85a5"
	vectorTime      = 1531420618
	vectorSignature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
	vectorBody      = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)

func TestVerify(t *testing.T) {
	at := time.Unix(vectorTime, 0)
	tests := []struct {
		name, secret, body, stamp, sig string
		now                            time.Time
		ok                             bool
	}{
		{"the documented vector", vectorSecret, vectorBody, "1531420618", vectorSignature, at, true},
		{"five minutes later", vectorSecret, vectorBody, "1531420618", vectorSignature, at.Add(5 * time.Minute), true},
		{"a replay", vectorSecret, vectorBody, "1531420618", vectorSignature, at.Add(5*time.Minute + time.Second), false},
		{"from the future", vectorSecret, vectorBody, "1531420618", vectorSignature, at.Add(-6 * time.Minute), false},
		{"another secret", "other", vectorBody, "1531420618", vectorSignature, at, false},
		{"no secret", "", vectorBody, "1531420618", vectorSignature, at, false},
		{"another body", vectorSecret, vectorBody + "&x=1", "1531420618", vectorSignature, at, false},
		{"another time", vectorSecret, vectorBody, "1531420619", vectorSignature, at, false},
		{"no signature", vectorSecret, vectorBody, "1531420618", "", at, false},
		{"another version", vectorSecret, vectorBody, "1531420618", "v1" + vectorSignature[2:], at, false},
		{"no time", vectorSecret, vectorBody, "", vectorSignature, at, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			h.Set("X-Slack-Request-Timestamp", tt.stamp)
			h.Set("X-Slack-Signature", tt.sig)
			err := slack.Verify(h, secrets.New(tt.secret), []byte(tt.body), tt.now)
			if (err == nil) != tt.ok || err != nil && !errors.Is(err, signature.ErrInvalid) {
				t.Errorf("Verify: %v, want ok = %v", err, tt.ok)
			}
		})
	}
}

func body(payload string) []byte { return []byte(url.Values{"payload": {payload}}.Encode()) }

const control = "1|main|20261122T182201Z-7F3A9K2M4QXT|1"

func TestParseInteraction(t *testing.T) {
	good := `{"type":"block_actions","api_app_id":"A1","team":{"id":"T1"},"channel":{"id":"C1"},"user":{"id":"U0123456"},"actions":[`
	ctl := message.Control{Shard: "main", Incident: "20261122T182201Z-7F3A9K2M4QXT", Reopened: 1}
	tests := []struct {
		name    string
		body    []byte
		want    []slack.ChosenAction
		wantErr bool
	}{
		{"an acknowledge", body(good + `{"action_id":"acknowledge","action_ts":"1.2","value":"` + control + `"}]}`), []slack.ChosenAction{{Control: ctl, Kind: report.Acknowledge, TS: "1.2"}}, false},
		{"a silence", body(good + `{"action_id":"silence","action_ts":"1.2","selected_option":{"value":"4h0m0s ` + control + `"}}]}`), []slack.ChosenAction{{Control: ctl, Kind: report.Silence, For: 4 * time.Hour, TS: "1.2"}}, false},
		{"a pressed link needs no answer", body(good + `{"action_id":"open","action_ts":"1.2","url":"https://x"}]}`), nil, false},
		{"a silence for too long", body(good + `{"action_id":"silence","action_ts":"1.2","selected_option":{"value":"25h0m0s ` + control + `"}}]}`), nil, true},
		{"a control of another program", body(good + `{"action_id":"acknowledge","action_ts":"1.2","value":"x"}]}`), nil, true},
		{"no timestamp", body(good + `{"action_id":"acknowledge","value":"` + control + `"}]}`), nil, true},
		{"no user", body(`{"type":"block_actions"}`), nil, true},
		{"a user that is no id", body(strings.Replace(good, "U0123456", "<!channel>", 1) + `]}`), nil, true},
		{"two payloads", []byte("payload={}&payload={}"), nil, true},
		{"no payload", []byte("x=1"), nil, true},
		{"no form", []byte("%zz"), nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := slack.ParseInteraction(tt.body)
			if (err != nil) != tt.wantErr {
				t.Fatalf("error %v, want one: %v", err, tt.wantErr)
			}
			if diff := cmp.Diff(tt.want, got.Actions); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseInteraction(f *testing.F) {
	f.Add(body(`{"type":"block_actions","user":{"id":"U0123456"},"actions":[{"action_id":"acknowledge","action_ts":"1.2","value":"` + control + `"}]}`))
	f.Add(body(`{"type":"block_actions","user":{"id":"U0123456"},"actions":[{"action_id":"silence","action_ts":"1.2","selected_option":{"value":"1h0m0s ` + control + `"}}]}`))
	f.Add([]byte("payload"))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := slack.ParseInteraction(b)
		if err != nil {
			return
		}
		for _, a := range i.Actions {
			if a.Incident == "" || a.TS == "" || a.Kind == report.Silence && (a.For <= 0 || a.For > report.MaxSilence) {
				t.Errorf("%q gives %+v", b, a)
			}
		}
	})
}

// What is at a limit is read, what is beyond it is refused.
func TestInteractionsKeepToTheirLimits(t *testing.T) {
	interaction := func(user, ts, silence string, actions int) []byte {
		one := `{"action_id":"silence","action_ts":"` + ts + `","selected_option":{"value":"` + silence + ` ` + control + `"}}`
		return body(`{"type":"block_actions","user":{"id":"` + user + `"},"actions":[` + strings.TrimSuffix(strings.Repeat(one+",", actions), ",") + `]}`)
	}
	long := func(prefix string, n int) string { return prefix + strings.Repeat("1", n-len(prefix)) }
	for name, tt := range map[string]struct {
		body []byte
		ok   bool
	}{
		"a user's id of 32 characters":      {interaction(long("U", 32), "1.2", "1h", 1), true},
		"a user's id of 33 characters":      {interaction(long("U", 33), "1.2", "1h", 1), false},
		"a timestamp of 32 characters":      {interaction("U0123456", long("1.", 32), "1h", 1), true},
		"a timestamp of 33 characters":      {interaction("U0123456", long("1.", 33), "1h", 1), false},
		"eight actions":                     {interaction("U0123456", "1.2", "1h", 8), true},
		"nine actions":                      {interaction("U0123456", "1.2", "1h", 9), false},
		"the longest silence":               {interaction("U0123456", "1.2", report.MaxSilence.String(), 1), true},
		"a nanosecond more":                 {interaction("U0123456", "1.2", (report.MaxSilence + 1).String(), 1), false},
		"the shortest silence":              {interaction("U0123456", "1.2", "1ns", 1), true},
		"no silence":                        {interaction("U0123456", "1.2", "0s", 1), false},
		"a silence that is not a duration":  {interaction("U0123456", "1.2", "soon", 1), false},
		"the shortest id of a user":         {interaction("U1234", "1.2", "1h", 1), true},
		"a shorter one":                     {interaction("U123", "1.2", "1h", 1), false},
		"a user of an enterprise":           {interaction("W0123456", "1.2", "1h", 1), true},
		"a payload that is no JSON":         {body(`{"type":"block_actions","user":{"id":"U0123456"},"actions":[`), false},
		"a payload beside one in the query": {append(interaction("U0123456", "1.2", "1h", 1), "&payload=x"...), false},
	} {
		got, err := slack.ParseInteraction(tt.body)
		if (err == nil) != tt.ok || tt.ok && got.Actions[0].Incident == "" {
			t.Errorf("%s: %+v, %v; want ok = %v", name, got, err, tt.ok)
		}
	}
	i, err := slack.ParseInteraction(body(`{"type":"view_submission","api_app_id":"A1","team":{"id":"T1"},"channel":{"id":"C1"},"user":{"id":"U0123456"},"actions":[{"action_id":"acknowledge"}]}`))
	if want := (slack.Interaction{App: "A1", Team: "T1", Channel: "C1", User: "U0123456"}); err != nil || cmp.Diff(want, i) != "" {
		t.Errorf("another kind of interaction: %+v, %v; want no action", i, err)
	}
	at := time.Unix(vectorTime, 0)
	h := http.Header{"X-Slack-Request-Timestamp": {"1531420618"}, "X-Slack-Signature": {vectorSignature}}
	for _, d := range []time.Duration{-5 * time.Minute, -5*time.Minute - 1, 5 * time.Minute, 5*time.Minute + 1} {
		if err := slack.Verify(h, secrets.New(vectorSecret), []byte(vectorBody), at.Add(d)); (err == nil) != (d%time.Minute == 0) {
			t.Errorf("verified %v later: %v", d, err)
		}
	}
}
