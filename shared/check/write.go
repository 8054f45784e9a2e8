package check

import (
	"context"
	"crypto/rand"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const (
	// canaryPrefix is where the canary writes. A key of its own for each run keeps two
	// monitors of one database apart.
	canaryPrefix = "ws:_pongwatch:canary:"
	// canarySeconds is after how long a canary that could not be deleted goes.
	canarySeconds = 60
	writeCommands = 3
)

// write sets, reads and deletes a key, once in a run: PING is blind to a full database,
// a read-only token and a write pause.
func write(ctx context.Context, t *Target) report.Observation {
	if t.written == nil {
		t.written = new(tryWriting(ctx, t.client))
	}
	return *t.written
}

func tryWriting(ctx context.Context, client *upstash.Client) report.Observation {
	nonce := rand.Text()
	results, err := client.Pipeline(ctx, canary(nonce)...)
	if err == nil && results[0].Err == nil && !reads(results, nonce) {
		// In a replicated database a read may overtake its write. A transaction runs in
		// one place: what it does not read is not there.
		results, err = client.MultiExec(ctx, canary(nonce)...)
	}
	return judgeWrite(results, err, nonce)
}

func canary(nonce string) []upstash.Command {
	key := canaryPrefix + nonce
	return []upstash.Command{{"SET", key, nonce, "EX", canarySeconds}, {"GET", key}, {"DEL", key}}
}

func reads(results []upstash.Result, nonce string) bool {
	if results[1].Err != nil {
		return true // an error is judged, not repeated
	}
	text, err := results[1].Reply.Text()
	return err == nil && text == nonce
}

func judgeWrite(results []upstash.Result, err error, nonce string) report.Observation {
	for _, r := range results {
		if err == nil {
			err = r.Err
		}
	}
	if err != nil {
		o := unknown(err)
		if refusesWrites(o.Cause) {
			o.Status = report.Fail
		}
		return o
	}
	if !reads(results, nonce) {
		return report.Observation{Status: report.Fail, Cause: cause.WriteMismatch, Evidence: "SET was answered OK, GET did not return the value"}
	}
	return ok()
}

// refusesWrites reports whether the database was asked and refused. HealthCheck judges
// one that cannot be asked.
func refusesWrites(c cause.Cause) bool {
	switch c {
	case cause.ReadonlyToken, cause.StorageFull, cause.WritePaused, cause.CommandBlocked, cause.RedisError, cause.RequestTooBig:
		return true
	default:
		return false
	}
}
