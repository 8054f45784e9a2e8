package alert

import (
	"bytes"
	"compress/gzip"
	"errors"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"message":{"data":"aGk=","attributes":{"v":"1","kind":"tick"},"messageId":"1","publishTime":"2026-11-22T12:00:00Z"},"subscription":"s"}`))
	f.Add([]byte(`{"message":{"data":"eyJ0ZXh0UGF5bG9hZCI6Ik1PQ0sgTU9ERSBBQ1RJVkUifQ==","attributes":{"logging.googleapis.com/timestamp":"x"}}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := readEnvelope(bytes.NewReader(body))
		if err != nil {
			if !errors.Is(err, errPoison) {
				t.Errorf("error %v is no poison, and would be asked for again", err)
			}
			return
		}
		sig, ok, err := logEntry(e)
		if ok && err == nil {
			if _, err := report.Encode(sig); err != nil {
				t.Errorf("a log entry became a signal that is refused: %v", err)
			}
		}
	})
}

// A state that can be read can be stepped on, claimed from, written and read again.
func FuzzStoredState(f *testing.F) {
	f.Add([]byte(`{"schema":1,"series":[null,{"database":"a","check":"ping","sources":[{"down":true}]}],"incidents":[null,{"id":"x","group":"g"}],"groups":[{"id":"g","members":["x","y"]}]}`))
	f.Add([]byte(`{"schema":1,"jobs":{"healthcheck@us":{"every":60000000000}},"silences":[{"id":"x"}],"incidents":[{"id":"x","deliveries":{"slack":{"want":1,"tries":-1}}}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var buf bytes.Buffer
		zw := gzip.NewWriter(&buf)
		_, _ = zw.Write(raw) // a bytes.Buffer takes everything
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := incident.Decode(buf.Bytes())
		if err != nil {
			return
		}
		p := policy.Default()
		p.Receivers = map[string]policy.Receiver{"slack": {}}
		s, _ = Step(s, Input{}, p, noon)
		s, _ = notify.Claim(s, noon, "w", time.Minute, 10)
		again, err := incident.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := incident.Decode(again); err != nil {
			t.Fatal(err)
		}
	})
}
