package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/functions/alert/webhook"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
)

const (
	oldKey = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	newKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// limit is far above what loopback takes on a busy machine.
const limit = 3 * time.Second

// catcher is the other side: it keeps what it gets and answers as it is told.
type catcher struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	heads  []http.Header
	answer http.HandlerFunc
}

func catch(t testing.TB, answer http.HandlerFunc) *catcher {
	t.Helper()
	c := &catcher{answer: answer}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		c.bodies = append(c.bodies, string(b))
		c.heads = append(c.heads, r.Header.Clone())
		c.mu.Unlock()
		if c.answer != nil {
			c.answer(w, r)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(c.Close)
	return c
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "because\nof reasons")
	}
}

func fixed(s string) message.Credential { return message.Fixed(secrets.New(s)) }

func generic(t testing.TB, address string) *webhook.Receiver {
	t.Helper()
	r, err := webhook.New(webhook.Options{
		Name: "hook", URL: fixed(address), Keys: []message.Credential{fixed(newKey), fixed(oldKey)}, AllowLoopback: true,
		Timeout: limit, Now: func() time.Time { return messagetest.Now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pagerDuty(t testing.TB, address string) *webhook.Receiver {
	t.Helper()
	r, err := webhook.NewPagerDuty(webhook.PagerDutyOptions{
		Name: "pagerduty", RoutingKey: fixed("routing-key"), URL: address, AllowLoopback: true, Timeout: limit,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(e incident.Event, c cause.Cause) message.Message {
	return message.Render(messagetest.Notice(e, c), messagetest.Context())
}

func indent(t *testing.T, body string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(body), "", " "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBodies pins what is sent for each event.
func TestBodies(t *testing.T) {
	var signed, pager strings.Builder
	for _, e := range messagetest.Events() {
		for _, target := range []string{"signed", "pagerduty"} {
			c := catch(t, nil)
			var r message.Receiver = generic(t, c.URL+"/hook")
			out := &signed
			if target == "pagerduty" {
				r, out = pagerDuty(t, c.URL), &pager
			}
			if _, outcome, err := r.Deliver(t.Context(), render(e, cause.AuthInvalid), message.Ref{}); err != nil || outcome.Result != message.Delivered {
				t.Fatalf("%s %s: %+v %v", target, e, outcome, err)
			}
			fmt.Fprintf(out, "-- %s --\n", e)
			for _, b := range c.bodies {
				fmt.Fprintln(out, indent(t, b))
			}
		}
	}
	goldentest.Compare(t, "testdata/signed.txtar", signed.String())
	goldentest.Compare(t, "testdata/pagerduty.txtar", pager.String())
}

func TestBodyIsSignedByBothKeys(t *testing.T) {
	c := catch(t, nil)
	r := generic(t, c.URL+"/hook")
	for range 2 {
		if _, _, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{oldKey, newKey} {
		k, err := signature.ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signature.Verify(c.heads[0], []signature.Key{k}, []byte(c.bodies[0]), messagetest.Now); err != nil {
			t.Errorf("one of the two keys does not verify: %v", err)
		}
	}
	if a, b := c.heads[0].Get(signature.HeaderID), c.heads[1].Get(signature.HeaderID); a != b || a == "" {
		t.Errorf("ids %q and %q of one revision, want the same", a, b)
	}
	if strings.Contains(c.bodies[0], "sig=") {
		t.Error("the body holds a signed link")
	}
}

// TestPagerDutyFollowsTheLife: what PagerDuty is told for the states of an incident.
func TestPagerDutyFollowsTheLife(t *testing.T) {
	tests := []struct {
		event incident.Event
		want  []string
	}{
		{incident.Opened, []string{"trigger"}},
		{incident.Acknowledged, []string{"acknowledge"}},
		{incident.CauseChanged, []string{"trigger"}},
		{incident.Reopened, []string{"trigger"}},
		{incident.Resolved, []string{"resolve"}},
		{incident.Past, []string{"trigger", "resolve"}},
		{incident.NoLongerWatched, []string{"resolve"}},
		{incident.Silenced, nil},
	}
	for _, tt := range tests {
		t.Run(string(tt.event), func(t *testing.T) {
			c := catch(t, nil)
			if _, _, err := pagerDuty(t, c.URL).Deliver(t.Context(), render(tt.event, cause.AuthInvalid), message.Ref{ID: "x"}); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, b := range c.bodies {
				var e struct {
					Action string `json:"event_action"`
					Key    string `json:"dedup_key"`
				}
				if err := json.Unmarshal([]byte(b), &e); err != nil {
					t.Fatal(err)
				}
				if e.Key != "pongwatch/20261122T182201Z-7F3A9K2M4QXT" {
					t.Errorf("dedup_key %q", e.Key)
				}
				got = append(got, e.Action)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   message.Outcome
	}{
		{"accepted", status(202), message.Outcome{Result: message.Delivered}},
		{"a server error passes", status(503), message.Outcome{Result: message.Later, Reason: "HTTP 503 because of reasons"}},
		{"a rate limit passes", status(429, "Retry-After", "7"), message.Outcome{Result: message.Later, RetryAfter: 7 * time.Second, Reason: "HTTP 429 because of reasons"}},
		{"a refusal lasts", status(400), message.Outcome{Result: message.Refused, Reason: "HTTP 400 because of reasons"}},
		{"a wrong key lasts", status(401), message.Outcome{Result: message.Refused, Reason: "HTTP 401 because of reasons"}},
		{"a redirect is not followed", status(307, "Location", "https://evil.example/"), message.Outcome{Result: message.Refused, Reason: "HTTP 307 because of reasons"}},
		{"a dropped connection is unknown", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, message.Outcome{Result: message.Unknown}},
		{"no answer is unknown", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, message.Outcome{Result: message.Unknown}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := catch(t, tt.answer)
			for _, r := range []message.Receiver{generic(t, c.URL+"/hook"), pagerDuty(t, c.URL)} {
				_, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
				if (err == nil) != (tt.want.Result == message.Delivered) {
					t.Errorf("%s: error %v", r.Name(), err)
				}
				if tt.want.Result == message.Unknown {
					got.Reason = ""
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", r.Name(), diff)
				}
			}
		})
	}
	c := catch(t, nil)
	c.Close()
	if _, got, _ := generic(t, c.URL+"/hook").Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{}); got.Result != message.Later {
		t.Errorf("nobody listens: %+v, want later", got)
	}
}

func TestAChangedAddressIsReadAgain(t *testing.T) {
	c := catch(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/new" {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	r, err := webhook.New(webhook.Options{
		Name: "hook", Keys: []message.Credential{fixed(newKey)}, AllowLoopback: true,
		URL: func(_ context.Context, refused bool) (secrets.Value, error) {
			if refused {
				return secrets.New(c.URL + "/new"), nil
			}
			return secrets.New(c.URL + "/old"), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, outcome, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{}); err != nil {
		t.Errorf("%+v %v", outcome, err)
	}
}

// TestPrivateAddressesAreOutOfReach: the address comes from a configuration, but
// what it resolves to does not.
func TestPrivateAddressesAreOutOfReach(t *testing.T) {
	for _, address := range []string{"https://169.254.169.254/computeMetadata/v1/", "https://10.0.0.1/", "https://localhost/", "http://example.com/", "ftp://x/"} {
		r, err := webhook.New(webhook.Options{Name: "hook", URL: fixed(address), Keys: []message.Credential{fixed(newKey)}})
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{}); err == nil || got.Result != message.Refused {
			t.Errorf("%s: %+v %v, want refused", address, got, err)
		}
	}
}

func TestSecretsStayInside(t *testing.T) {
	const canary = "c4n4ryS3cret"
	echo := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			w.WriteHeader(code)
			_, _ = fmt.Fprintf(w, "no such hook %s %s", r.URL.Path, b)
		}
	}
	for i, answer := range []http.HandlerFunc{echo(404), echo(503), status(307, "Location", "/"+canary), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c := catch(t, answer)
			if answer == nil {
				c.Close()
			}
			pager, err := webhook.NewPagerDuty(webhook.PagerDutyOptions{Name: "p", RoutingKey: fixed(canary), URL: c.URL, AllowLoopback: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []message.Receiver{generic(t, c.URL+"/hooks/"+canary+"?key="+canary), pager} {
				ref, outcome, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
				if err == nil {
					t.Fatal("delivered")
				}
				if left := fmt.Sprintf("%v %+v %#v %+v %+v", err, err, err, outcome, ref); strings.Contains(left, canary) {
					t.Errorf("leaks: %s", left)
				}
			}
		})
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for want, build := range map[string]func() error{
		"name is empty":    func() error { _, err := webhook.New(webhook.Options{}); return err },
		"url is missing":   func() error { _, err := webhook.New(webhook.Options{Name: "h"}); return err },
		"keys are missing": func() error { _, err := webhook.New(webhook.Options{Name: "h", URL: fixed("x")}); return err },
		"routing_key":      func() error { _, err := webhook.NewPagerDuty(webhook.PagerDutyOptions{Name: "p"}); return err },
		"url must be PagerDuty": func() error {
			_, err := webhook.NewPagerDuty(webhook.PagerDutyOptions{Name: "p", RoutingKey: fixed("x"), URL: "https://evil.example/"})
			return err
		},
	} {
		if err := build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
