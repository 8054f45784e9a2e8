package alert

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// roomy returns a deep copy whose slices have room behind their end, as slices that
// were appended to have. hidden counts the elements that were written there: an append
// to a slice that two states share shows in neither of them until both have appended.
func roomy(s incident.State) (out incident.State, hidden func() int) {
	var tails []reflect.Value
	out, _ = reflect.TypeAssert[incident.State](copied(reflect.ValueOf(s), &tails))
	return out, func() int {
		n := 0
		for _, tail := range tails {
			for i := range tail.Len() {
				if !tail.Index(i).IsZero() {
					n++
				}
			}
		}
		return n
	}
}

func copied(v reflect.Value, tails *[]reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	if v.Type() == reflect.TypeFor[time.Time]() {
		return out
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(copied(v.Elem(), tails))
		}
	case reflect.Slice:
		if !v.IsNil() {
			const room = 4
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()+room))
			for i := range v.Len() {
				out.Index(i).Set(copied(v.Index(i), tails))
			}
			*tails = append(*tails, out.Slice3(0, v.Len()+room, v.Len()+room).Slice(v.Len(), v.Len()+room))
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMap(v.Type()))
			for entries := v.MapRange(); entries.Next(); {
				out.SetMapIndex(entries.Key(), copied(entries.Value(), tails))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() { // the rest holds no memory of its own
				out.Field(i).Set(copied(v.Field(i), tails))
			}
		}
	}
	return out
}

// A life of a shard in which much happens is played on states that know whether they
// were touched: no step, claim or record may change the state that it or any step
// before it was given.
func TestStatesAreNeverChanged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newSim(t)
		w.p.Routes = []policy.Route{{Receivers: []string{"slack"}, Fallback: []string{"mail"}, Escalate: []string{"boss"}}}
		w.p.Receivers["mail"], w.p.Receivers["boss"] = policy.Receiver{}, policy.Receiver{}
		var given []func()
		give := func(s incident.State) incident.State {
			hidden := func() int { return 0 }
			if rapid.Bool().Draw(rt, "with room") {
				s, hidden = roomy(s)
			} // else the very one that the step before it returned
			want, _ := roomy(s)
			given = append(given, func() {
				if diff := cmp.Diff(want, s); diff != "" {
					rt.Fatalf("a state was changed by a step (-before +after):\n%s", diff)
				}
				if n := hidden(); n > 0 {
					rt.Fatalf("%d elements were appended to slices of a state that was given to a step", n)
				}
			})
			return s
		}
		for range rapid.IntRange(1, 25).Draw(rt, "minutes") {
			in := drawInput(rt, w)
			s, _ := Step(give(w.s), in, w.p, w.now)
			s, notices := notify.Claim(give(s), w.now, "w", 90*time.Second, 1000)
			var results []notify.Result
			for _, n := range notices {
				results = append(results, notify.Result{
					ID: n.ID(), Address: n.Address, Owner: "w", Want: n.Want, Open: n.Open, Ref: incident.Ref{ID: "x"},
					Outcome: message.Outcome{Result: rapid.SampledFrom([]message.Result{message.Delivered, message.Delivered, message.Delivered, message.Later, message.Refused, message.Unknown}).Draw(rt, "outcome"), Reason: "503"},
				})
			}
			w.s = notify.Record(give(s), results, w.p, w.now)
			w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{1, 1, 1, 4, 20}).Draw(rt, "pause")) * time.Minute)
		}
		for _, check := range given {
			check()
		}
	})
}

// drawInput draws a report on four databases, a signal, a command or a tick.
func drawInput(rt *rapid.T, w *sim) Input {
	database := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	switch rapid.SampledFrom([]string{"report", "report", "report", "report", "signal", "command", "tick"}).Draw(rt, "input") {
	case "report":
		var obs []report.Observation
		for _, db := range []string{"a", "b", "c", "d"} {
			obs = append(obs, w.ping(db, "us", rapid.SampledFrom([]rune(".xxxaq5?")).Draw(rt, db)))
		}
		return w.report("us", obs...)
	case "signal":
		return Input{Signal: &report.Signal{
			Database: database.Draw(rt, "of"), Service: rapid.SampledFrom([]string{"api", "web"}).Draw(rt, "service"), Source: report.SourceLogs,
			Revision: rapid.SampledFrom([]string{"", "r1", "r2"}).Draw(rt, "revision"),
			Mode:     rapid.SampledFrom([]report.Mode{report.Activated, report.Activated, report.Deactivated}).Draw(rt, "mode"), At: w.now, Message: "MOCK MODE ACTIVE",
		}}
	case "command":
		c := report.Command{
			ID: fmt.Sprintf("c%d", w.minute()), By: "alice", At: w.now, For: 10 * time.Minute,
			Action: rapid.SampledFrom([]report.Action{report.Acknowledge, report.Silence, report.Unsilence, report.Drill}).Draw(rt, "action"),
		}
		ids := append(slices.Sorted(maps.Keys(w.s.Incidents)), slices.Sorted(maps.Keys(w.s.Groups))...)
		if len(ids) > 0 && rapid.Bool().Draw(rt, "of an incident") {
			c.Incident = rapid.SampledFrom(ids).Draw(rt, "incident")
		} else {
			c.Series.Database = database.Draw(rt, "of")
		}
		return Input{Command: &c}
	}
	return Input{}
}
