package alert

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

func (w *world) wantTold(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.slack.got); diff != "" {
		w.t.Errorf("slack was told (-want +got):\n%s\n%s", diff, w.logs)
	}
}

func TestOutageIsToldOnceAndResolvedOnce(t *testing.T) {
	w := newWorld(t, nil)
	for _, c := range []cause.Cause{"", cause.AuthInvalid, cause.AuthInvalid, "", ""} {
		if code := w.minute(c); code != http.StatusOK {
			t.Fatalf("status %d", code)
		}
	}
	w.wantTold("opened", "resolved")
	docs := w.docs("incidents/v1/main/")
	if len(docs) != 1 {
		t.Fatalf("%d incident documents, want 1", len(docs))
	}
	d, err := incident.DecodeDocument(docs[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if d.Cause != cause.AuthInvalid || d.Resolved.IsZero() || d.Told["slack"].At.IsZero() {
		t.Errorf("document %+v, want the cause, the end and who was told", d)
	}
}

func TestTheSameReportTwiceChangesNothing(t *testing.T) {
	w := newWorld(t, nil)
	m := w.report(w.ping("a", cause.AuthInvalid))
	w.push(m)
	w.push(m)
	w.wantTold("opened")
}

func TestATickWithNothingDueWritesNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.minute(cause.AuthInvalid)
	w.tick()
	before := w.faulty.Count(storetest.Put)
	w.tick()
	if n := w.faulty.Count(storetest.Put) - before; n != 0 {
		t.Errorf("%d writes, want none", n)
	}
}

func TestWhatIsNotDeliveredIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []message.Outcome
		want    []string
	}{
		{"503 once", []message.Outcome{{Result: message.Later}}, []string{"opened", "resolved"}},
		{"an answer that was lost is tried again: at most one duplicate", []message.Outcome{{Result: message.Unknown}}, []string{"opened", "resolved"}},
		{"one that failed until it was over becomes one message in the past tense", slices.Repeat([]message.Outcome{{Result: message.Later}}, 4), []string{"past"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.slack.answers = c.answers
			for _, c := range []cause.Cause{"", cause.AuthInvalid, cause.AuthInvalid, cause.AuthInvalid, "", "", ""} {
				w.minute(c)
				w.tick()
			}
			w.wantTold(c.want...)
		})
	}
}

func TestARefusalGoesToTheFallbackAtOnceAndOpensAnIncidentOfTheMonitor(t *testing.T) {
	w := newWorld(t, nil)
	w.slack.answers = slices.Repeat([]message.Outcome{{Result: message.Refused, Reason: "channel_not_found"}}, 3)
	w.minute(cause.AuthInvalid)
	// The monitor's own incident is refused as well, and falls back as well.
	if diff := cmp.Diff([]string{"opened", "opened"}, w.mail.got); diff != "" {
		t.Errorf("mail was told (-want +got):\n%s", diff)
	}
	if got := refusing(w.state()); !slices.Equal(got, []string{"slack"}) {
		t.Errorf("refusing: %v, want slack", got)
	}
	if got := w.slack.tries; got != 2 {
		t.Errorf("slack was tried %d times, want once for each incident", got)
	}
	w.slack.answers = nil
	w.minute("")
	if diff := cmp.Diff([]string{"opened", "opened", "resolved"}, w.mail.got); diff != "" {
		t.Errorf("mail was told (-want +got):\n%s", diff)
	}
}

func TestUndeliveredIsLoggedAfterThreeMinutes(t *testing.T) {
	w := newWorld(t, nil)
	w.slack.answers = slices.Repeat([]message.Outcome{{Result: message.Later, Reason: "503"}}, 20)
	w.minute(cause.AuthInvalid)
	w.tick()
	if strings.Contains(w.logs.String(), `"event":"undelivered"`) {
		t.Error("undelivered is logged after one minute")
	}
	for range 4 {
		w.clock.Add(time.Minute)
		w.tick()
	}
	if !strings.Contains(w.logs.String(), `"event":"undelivered"`) {
		t.Error("undelivered is not logged after five minutes")
	}
	if diff := cmp.Diff([]string{"opened"}, w.mail.got); diff != "" {
		t.Errorf("the fallback was told (-want +got):\n%s", diff)
	}
}

func TestAnotherWriterInBetween(t *testing.T) {
	w := newWorld(t, nil)
	w.faulty.Plan(storetest.Put, storetest.Conflict, storetest.Conflict)
	if code := w.minute(cause.AuthInvalid); code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	w.wantTold("opened")

	w.faulty.Plan(storetest.Put, slices.Repeat([]storetest.Fault{storetest.Conflict}, contendTries)...)
	if code := w.minute(""); code != http.StatusServiceUnavailable {
		t.Errorf("status %d after %d conflicts, want 503", code, contendTries)
	}
}

func TestALostAnswerIsFoundByItsOwner(t *testing.T) {
	w := newWorld(t, nil)
	w.faulty.Plan(storetest.Put, storetest.LostAnswer)
	if code := w.minute(cause.AuthInvalid); code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	w.wantTold("opened")
}

func TestALostAnswerIsFoundLaterAsWell(t *testing.T) {
	w := newWorld(t, nil)
	w.faulty.Plan(storetest.Get, storetest.None, storetest.Unavailable)
	w.faulty.Plan(storetest.Put, storetest.LostAnswer)
	if code := w.minute(cause.AuthInvalid); code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	w.wantTold("opened")
}

func TestARecordWhoseAnswerIsLostIsNotRepeated(t *testing.T) {
	w := newWorld(t, nil)
	w.minute("")
	w.faulty.Plan(storetest.Put, storetest.None, storetest.LostAnswer, storetest.LostAnswer)
	w.minute(cause.AuthInvalid)
	w.clock.Add(2 * time.Minute)
	w.tick()
	w.wantTold("opened")
}

func TestStoreDownTellsOncePerSlot(t *testing.T) {
	w := newWorld(t, nil)
	w.minute("")
	w.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	for range 35 {
		if code := w.minute(cause.TimeoutResponse); code != http.StatusServiceUnavailable {
			t.Fatalf("status %d, want 503", code)
		}
	}
	w.wantTold("opened", "opened") // 12:01 and 12:30
	w.faulty.Always(nil)
	w.minute("")
	w.wantTold("opened", "opened", "resolved") // the end of the later one, and a silent edit of the earlier one
	w.minute("")
	w.wantTold("opened", "opened", "resolved")
}

func TestStoreDownIsToldByAReceiver(t *testing.T) {
	later, refused, unknown := message.Outcome{Result: message.Later}, message.Outcome{Result: message.Refused}, message.Outcome{Result: message.Unknown}
	for _, tt := range []struct {
		name        string
		slack, mail []message.Outcome
		minutes     int
		told        []string // what either was told
		tries       int      // of Slack
	}{
		{"Slack does not take it: the fallback is told, once", []message.Outcome{later}, nil, 5, []string{"", "opened"}, 1},
		{"the channel is gone: the fallback is told, once", []message.Outcome{refused}, nil, 5, []string{"", "opened"}, 1},
		{"neither takes it: the report that comes again tries again", []message.Outcome{later, later}, []message.Outcome{later, later}, 5, []string{"opened", ""}, 3},
		{"the answer of Slack is lost: no second message", []message.Outcome{unknown}, nil, 5, []string{"", ""}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.minute("")
			w.slack.answers, w.mail.answers, w.slack.tries = tt.slack, tt.mail, 0
			w.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
			for range tt.minutes {
				w.minute(cause.TimeoutResponse)
			}
			for i, r := range []*fake{w.slack, w.mail} {
				if got := strings.Join(r.got, " "); got != tt.told[i] {
					t.Errorf("%s was told %q, want %q", r.name, got, tt.told[i])
				}
			}
			if w.slack.tries != tt.tries {
				t.Errorf("Slack was tried %d times, want %d", w.slack.tries, tt.tries)
			}
		})
	}
}

func TestAnUnreadableStateIsSetAside(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := w.memory.Put(t.Context(), store.Doc{Key: incident.StateKey("main"), Data: []byte("not a state")}); err != nil {
		t.Fatal(err)
	}
	if code := w.minute(""); code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	docs := w.docs("aside/v1/main/")
	if len(docs) != 1 || string(docs[0].Data) != "not a state" {
		t.Fatalf("set aside: %v", docs)
	}
	w.wantTold("opened")
}

func TestWhatCannotBeReadIsAcknowledged(t *testing.T) {
	w := newWorld(t, nil)
	newer := report.Tick()
	newer.Attributes = map[string]string{"v": "2", "kind": "report", "shard": "main"}
	newerCommand := report.Message{Attributes: map[string]string{"v": "2", "kind": "command"}}
	for _, c := range []struct {
		name string
		post func() int
		want int
	}{
		{"not JSON", func() int { return w.post([]byte("hello")) }, http.StatusOK},
		{"not an envelope", func() int { return w.post([]byte(`{"a":1}`)) }, http.StatusOK},
		{"too large", func() int { return w.post(make([]byte, maxBody+1)) }, http.StatusOK},
		{"an unknown kind", func() int { return w.push(report.Message{Attributes: map[string]string{"v": "1", "kind": "x"}}) }, http.StatusOK},
		{"a newer report: the next run heals", func() int { return w.push(newer) }, http.StatusOK},
		{"a newer command: a newer version will understand it", func() int { return w.push(newerCommand) }, http.StatusServiceUnavailable},
	} {
		if got := c.post(); got != c.want {
			t.Errorf("%s: status %d, want %d", c.name, got, c.want)
		}
	}
}

func TestBothJobsDeadIsToldByTheTickAlone(t *testing.T) {
	w := newWorld(t, nil)
	w.minute("")
	for len(w.slack.got) == 0 && w.clock.Now().Sub(noon) < time.Hour {
		w.tick()
		w.clock.Add(10 * time.Second)
	}
	w.wantTold("opened")
	if took := w.clock.Now().Sub(noon); took > 6*time.Minute {
		t.Errorf("told after %v, want within 6 minutes", took)
	}
}

func TestAcknowledgeWithoutAShardFindsItsHolder(t *testing.T) {
	w := newWorld(t, nil)
	w.minute(cause.AuthInvalid)
	var id string
	for _, inc := range w.state().Incidents {
		id = inc.Short()
	}
	m, err := report.Encode(report.Command{ID: "1", Action: report.Acknowledge, Incident: id, By: "me", At: w.clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if code := w.push(m); code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	for _, inc := range w.state().Incidents {
		if inc.Ack == nil || inc.Ack.By != "me" {
			t.Errorf("acknowledged by %v, want me", inc.Ack)
		}
	}
}

func TestSignalsOfTheLogOpenMockMode(t *testing.T) {
	w := newWorld(t, nil)
	entry := `{"insertId":"1","timestamp":"2026-11-22T12:00:00Z","resource":{"labels":{"service_name":"backend"}},"textPayload":"⚠️ MOCK MODE ACTIVE: UPSTASH_REDIS_URL missing"}`
	m := report.Message{Data: []byte(entry), Attributes: map[string]string{attributeLogEntry: "2026-11-22T12:00:00Z"}}
	if code := w.push(m); code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	w.wantTold("opened")
	gets := w.faulty.Count(storetest.Get)
	w.push(m)
	if w.faulty.Count(storetest.Get) != gets {
		t.Error("the same again within ten seconds reads the store")
	}
}

func TestAReceiversProblemIsTheFirstShardsWhereverItIsMet(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Config = parse(t, strings.Replace(document, "{name: a,", "{name: a, shard: zone,", 1))
	})
	if w.f.first != "main" {
		t.Fatalf("first shard %q, want main", w.f.first)
	}
	w.slack.answers = []message.Outcome{{Result: message.Refused, Reason: "token_revoked"}}
	now := w.clock.Now()
	m, err := report.Encode(report.Report{
		Job: report.HealthCheck, Region: "us", Shard: "zone", Scheduled: now, Finished: now, Every: time.Minute,
		Observations: []report.Observation{w.ping("a", cause.AuthInvalid)},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.push(m)
	if diff := cmp.Diff([]string{"opened"}, w.mail.got); diff != "" {
		t.Errorf("the fallback was told (-want +got):\n%s", diff)
	}
	// The monitor's own incident reached Slack, which takes notifications again: so it is told at
	// once what it has refused, in the other shard.
	w.wantTold("opened", "opened", "resolved")
}

func TestAShardThatIsGoneIsClosedByTheTick(t *testing.T) {
	w := newWorld(t, nil)
	w.minute(cause.AuthInvalid)
	gone := strings.ReplaceAll(strings.ReplaceAll(document, "backend: a", "backend: z"), "{name: a,", "{name: z, shard: zone,")
	gone = strings.ReplaceAll(gone, "{name: b,", "{name: b, shard: zone,")
	gone = strings.ReplaceAll(gone, "{name: c,", "{name: c, shard: zone,")
	later := newWorld(t, func(o *Options) {
		o.Config, o.Store, o.Now = parse(t, gone), w.faulty, w.clock.Now
	})
	later.tick()
	later.wantTold("no_longer_watched")
}
