package alert

import (
	"bytes"
	"errors"
	"testing"

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
