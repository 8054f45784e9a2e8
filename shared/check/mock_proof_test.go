package check_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// fakeRedis answers INFO, the write canary, and GET from what apps have written.
type fakeRedis struct {
	set string // SET's answer in the canary

	mu     sync.Mutex
	values map[string]bool
	gets   int
	// lag is how many reads do not see what was written.
	lag int
}

func (f *fakeRedis) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/pipeline" {
		redis("", f.set)(w, r)
		return
	}
	var command []string
	if err := json.NewDecoder(r.Body).Decode(&command); err != nil {
		http.Error(w, `{"error":"ERR"}`, http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case command[0] == "INFO":
		answer(200, `{"result":""}`)(w, r)
	case f.gets >= f.lag && f.values[command[1]]:
		f.gets++
		answer(200, fmt.Sprintf(`{"result":%q}`, base64.StdEncoding.EncodeToString([]byte("x"))))(w, r)
	default:
		f.gets++
		answer(200, `{"result":null}`)(w, r)
	}
}

// app is a service that answers the proof.
type app struct {
	redis *fakeRedis // where it writes; nil is its memory
	// answer makes the answer's body of the nonce; nil is the contract's.
	answer func(nonce string) string
	status int
}

func (a app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key, _ := signature.ParseKey(proofKey)
	v, err := signature.Verify(r.Header, []signature.Key{key}, body, eight)
	var m struct {
		Type string
		Data struct{ Nonce, Service, Database string }
	}
	if err != nil || json.Unmarshal(body, &m) != nil || m.Type != "mock_mode.proof" || v.ID != m.Data.Nonce || m.Data.Service != "backend" || m.Data.Database != "cache" {
		http.Error(w, `{"status":"connected"}`, http.StatusUnauthorized)
		return
	}
	if a.redis != nil {
		a.redis.mu.Lock()
		a.redis.values["ws:_pongwatch:proof:"+m.Data.Nonce] = true
		a.redis.mu.Unlock()
	}
	text := fmt.Sprintf(`{"status":"connected","proof":%q}`, m.Data.Nonce)
	if a.answer != nil {
		text = a.answer(m.Data.Nonce)
	}
	answer(max(a.status, 200), text)(w, r)
}

func TestTheProof(t *testing.T) {
	full := `{"error":"ERR DB capacity quota exceeded. Threshold: 1 bytes, Usage: 2 bytes."}`
	tests := []struct {
		name   string
		set    string
		lag    int
		real   bool // the app writes to the real database
		answer func(string) string
		status int
		want   report.Status
		cause  cause.Cause
		gets   int
	}{
		{name: "an app on the real Redis", real: true, want: report.OK, gets: 1},
		{name: "a replica that lags", real: true, lag: 2, want: report.OK, gets: 3},
		{name: "an app that lies", want: report.Fail, cause: cause.Mock, gets: 3},
		{name: "an app that lies in another shape", answer: func(n string) string { return fmt.Sprintf(`{"data":{"proof":%q}}`, n) }, want: report.Fail, cause: cause.Mock, gets: 3},
		{name: "an app that ignores the nonce", answer: func(string) string { return `{"status":"connected"}` }, want: report.Unknown, cause: cause.AppUnreachable},
		{name: "an answer that cannot be read whole", answer: func(n string) string { return fmt.Sprintf(`{"proof":%q,"data":5}`, n) }, want: report.Unknown, cause: cause.AppUnreachable},
		{name: "another nonce", answer: func(string) string { return `{"proof":"AAAAAAAAAAAAAAAAAAAAAAAAAA"}` }, want: report.Unknown, cause: cause.AppUnreachable},
		{name: "an empty proof", answer: func(string) string { return `{"proof":""}` }, want: report.Unknown, cause: cause.AppUnreachable},
		{name: "a page that prints what it was sent", answer: func(n string) string { return fmt.Sprintf(`{"data":{"nonce":%q}}`, n) }, want: report.Unknown, cause: cause.AppUnreachable},
		{name: "an app that failed to write", status: 500, want: report.Unknown, cause: cause.AppUnreachable},
		{name: "a page of HTML", answer: func(n string) string { return "<html>" + n }, want: report.Unknown, cause: cause.AppUnreachable},
		{name: "a database that takes no writes: no app is asked", set: full, want: report.Unknown, cause: cause.StorageFull},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := &fakeRedis{set: setOK, values: map[string]bool{}, lag: tt.lag}
			if tt.set != "" {
				db.set = tt.set
			}
			a := app{answer: tt.answer, status: tt.status}
			if tt.real {
				a.redis = db
			}
			target := target(t, report.Metrics, db.ServeHTTP)
			apps(t, target, a.ServeHTTP)
			o := mockFrom(t, target, report.SourceProof)
			if o.Status != tt.want || o.Cause != tt.cause || o.Subject != "backend" || o.Clear != (tt.want == report.OK) {
				t.Errorf("%+v, want %s of %q", o, tt.want, tt.cause)
			}
			if db.gets != tt.gets {
				t.Errorf("%d reads, want %d", db.gets, tt.gets)
			}
		})
	}
}

func TestAProofDecidesOnlyWhileTheDatabaseIsWell(t *testing.T) {
	db := &fakeRedis{set: `{"error":"READONLY Writes are temporarily rejected due to server upgrade"}`, values: map[string]bool{}}
	target := target(t, report.Metrics, db.ServeHTTP)
	apps(t, target, app{}.ServeHTTP)
	// The canary is not due in this run: it is asked when the nonce is absent.
	target.Database.Checks.Write.Enabled = false
	if o := mockFrom(t, target, report.SourceProof); o.Status != report.Unknown || o.Cause != cause.WritePaused {
		t.Errorf("%+v, want unknown of write_paused", o)
	}
	if db.gets != 3 {
		t.Errorf("%d reads, want 3: the app was asked", db.gets)
	}
}

func TestAProofOfADatabaseThatCannotBeAskedIsUnknown(t *testing.T) {
	target := target(t, report.Metrics, answer(http.StatusUnauthorized, `{"error":"WRONGPASS"}`))
	apps(t, target, func(http.ResponseWriter, *http.Request) { t.Error("the app was asked") })
	if o := mockFrom(t, target, report.SourceProof); o.Status != report.Unknown || o.Cause != cause.AuthInvalid {
		t.Errorf("%+v, want unknown of auth_invalid", o)
	}
}

func TestWhatAProofCosts(t *testing.T) {
	target := target(t, report.Metrics, pong)
	apps(t, target, pong)
	specs := check.Specs(report.Metrics, target.Database, 5*time.Minute)
	i := slices.IndexFunc(specs, func(s check.Spec) bool { return s.Check == report.MockMode })
	if i < 0 || specs[i].Commands != 4 || specs[i].Every != 15*time.Minute {
		t.Fatalf("specs %+v, want a proof every 15 minutes of at most four commands", specs)
	}
	target.Database.Apps[0].Proof = false
	if slices.ContainsFunc(check.Specs(report.Metrics, target.Database, 5*time.Minute), func(s check.Spec) bool { return s.Check == report.MockMode }) {
		t.Error("an app that does not implement the proof is asked for it")
	}
}

func TestAProofsNonceAndKeyStayOutOfEvidence(t *testing.T) {
	var nonce string
	target := target(t, report.Metrics, (&fakeRedis{set: setOK, values: map[string]bool{}}).ServeHTTP)
	apps(t, target, app{answer: func(n string) string { nonce = n; return fmt.Sprintf(`{"proof":%q}`, n) }}.ServeHTTP)
	o := mockFrom(t, target, report.SourceProof)
	if nonce == "" || strings.Contains(o.Evidence, nonce) || strings.Contains(o.Evidence, proofKey) {
		t.Errorf("evidence %q holds what proves", o.Evidence)
	}
}
