package check_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

func TestTheRoundTripCostsFourteenCommandsAndLeavesNothing(t *testing.T) {
	target, server := emulated(t)
	target.Database.Checks.Write.Enabled = false
	target.Database.Checks.Isolation.Enabled, target.Database.Checks.Values.Enabled = false, false
	got := observe(t, target)[report.RoundTrip]
	if got.Status != report.OK || !got.Clear {
		t.Errorf("round_trip = %+v, want ok", got)
	}
	if n := server.Commands(); n != 14 {
		t.Errorf("%d commands (%v), want 14", n, server.CommandCounts())
	}
	client, err := upstash.New(upstash.Options{URL: server.URL(), Token: secrets.New(server.Token()), AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	if r, err := client.Do(t.Context(), "DBSIZE"); err != nil {
		t.Fatal(err)
	} else if n, _ := r.Int(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

func TestTheRoundTripStaysInItsNamespaceAndExpires(t *testing.T) {
	var commands [][]any
	model, _ := emulated(t)
	broken := target(t, report.Metrics, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/multi-exec" {
			_ = json.Unmarshal(body, &commands)
		}
		answer(http.StatusOK, `{"result":""}`)(w, r)
	})
	broken.Database = model.Database
	observe(t, broken)
	expires := 0
	for _, c := range commands {
		if !strings.HasPrefix(c[1].(string), "ws:_pongwatch:roundtrip:") {
			t.Errorf("%v is outside pongwatch's namespace", c)
		}
		if c[0] == "EXPIRE" || c[0] == "SET" {
			expires++
		}
	}
	if len(commands) != 14 || expires != 4 {
		t.Errorf("%d commands, %d of four keys expire", len(commands), expires)
	}
}

func TestTheRoundTripNamesThePatternThatBroke(t *testing.T) {
	// A server that answers right, but for one step.
	replies := []string{`"OK"`, "", `60`, `1`, `1`, "", `1`, `1`, `2`, `3`, `1`, `"Zmlyc3Q="`, `["c2Vjb25k","dGhpcmQ="]`, `4`}
	tests := []struct {
		name   string
		step   int
		item   string
		status report.Status
		cause  cause.Cause
		says   string
	}{
		{"all is right", -1, "", report.OK, "", ""},
		{"a session without expiry", 2, `{"result":-1}`, report.Fail, cause.RoundTripFailed, "session: TTL did not say that it expires (step 3 of 14)"},
		{"a cache that forgets", 5, `{"result":null}`, report.Fail, cause.RoundTripFailed, "cache: HGET did not return"},
		{"a limit that does not count", 8, `{"result":1}`, report.Fail, cause.RoundTripFailed, "rate limit: INCR did not count two"},
		{"a queue in disorder", 12, `{"result":["dGhpcmQ=","c2Vjb25k"]}`, report.Fail, cause.RoundTripFailed, "queue: LRANGE did not keep the order"},
		{"a command that is not offered", 3, `{"error":"ERR Command is not available: 'HSET'."}`, report.Fail, cause.RoundTripFailed, "cache: HSET was refused"},
		{"a read-only token is for the write check", 0, `{"error":"NOPERM this user has no permissions to run the 'set' command"}`, report.Unknown, cause.ReadonlyToken, ""},
		{"so is a full database", 0, `{"error":"ERR DB capacity quota exceeded. Threshold: 1 bytes, Usage: 2 bytes."}`, report.Unknown, cause.StorageFull, ""},
		{"and a pause of writes", 0, `{"error":"READONLY Writes are temporarily rejected due to server upgrade"}`, report.Unknown, cause.WritePaused, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			model, _ := emulated(t)
			x := target(t, report.Metrics, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/multi-exec" {
					answer(http.StatusOK, `{"result":""}`)(w, r)
					return
				}
				var commands [][]any
				body, _ := io.ReadAll(r.Body)
				_ = json.Unmarshal(body, &commands)
				items := make([]string, len(replies))
				for i, reply := range replies {
					if reply == "" {
						// What the session's SET, or the cache's HSET, has stored.
						reply = strconv.Quote(base64.StdEncoding.EncodeToString([]byte(commands[map[int]int{1: 0, 5: 3}[i]][map[int]int{1: 2, 5: 3}[i]].(string))))
					}
					items[i] = `{"result":` + reply + `}`
				}
				if tt.step >= 0 {
					items[tt.step] = tt.item
				}
				answer(http.StatusOK, "["+strings.Join(items, ",")+"]")(w, r)
			})
			x.Database = model.Database
			got := observe(t, x)[report.RoundTrip]
			if got.Status != tt.status || got.Cause != tt.cause || !strings.Contains(got.Evidence, tt.says) {
				t.Errorf("round_trip = %+v, want %s of %q that says %q", got, tt.status, tt.cause, tt.says)
			}
		})
	}
}

func TestTheRoundTripWithAReadOnlyTokenIsUnknown(t *testing.T) {
	target, server := emulated(t)
	_ = server.Break(upstashtest.Fault{Mode: upstashtest.ReadonlyToken})
	got := observe(t, target)
	if o := got[report.RoundTrip]; o.Status != report.Unknown || o.Cause != cause.ReadonlyToken {
		t.Errorf("round_trip = %+v, want unknown of readonly_token", o)
	}
	if o := got[report.Write]; o.Status != report.Fail || o.Cause != cause.ReadonlyToken {
		t.Errorf("write = %+v, want fail of readonly_token", o)
	}
}
