package message

import (
	"fmt"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// storeDownSlot is the span in which all such messages have one id.
const storeDownSlot = 30 * time.Minute

// RenderStoreDown returns the one message that Alert sends without its state: the store
// does not answer, and the report's own waves have confirmed these failures. Its reader
// may get it again, and gets no message of the end.
func RenderStoreDown(shard string, failures []report.Observation, now time.Time, c Context) Message {
	info := cause.MonitorStore.Info()
	m := Message{
		// The same for every instance, so that a receiver that knows ids shows one.
		ID: "store-" + shard + "-" + now.UTC().Truncate(storeDownSlot).Format("20060102T1504Z"), Short: "no incident", Shard: shard,
		Event: incident.Opened, Events: []incident.Event{incident.Opened}, State: Open,
		Severity: cause.SeverityCritical, Cause: cause.MonitorStore, Opening: true, Loud: true,
		Symbol: symbol(Open, cause.SeverityCritical, false), Since: now, At: now,
		News:       "pongwatch cannot use its store. It tells what its last run has confirmed, without memory: duplicates are possible, and an end is not told.",
		CauseTitle: info.Title, CauseText: info.Explanation, Fix: info.Fix,
		Next:   "Another such message in half an hour at the earliest, while the store is down.",
		Footer: footer("no incident id", "shard "+shard),
		Facts:  []Fact{{Label: "Seen", At: now}},
	}
	var names []string
	for _, o := range failures {
		name := DatabaseName(o.Database)
		names = append(names, name)
		m.Members = append(m.Members, Member{Database: name, Short: string(o.Check), Open: true, Cause: o.Cause, Since: o.At})
	}
	since := ", seen " + text.Clock(now, now)
	m.Headline = text.Clip(fmt.Sprintf("%s: %s (store down, duplicates possible)", text.Count(len(failures), "database fails", "databases fail"), list(names, 3)), maxHeadline-len(since)) + since
	m.Cause = "" // each member shows its own
	m.Subject = "[pongwatch] " + text.Count(len(failures), "database fails", "databases fail") + " while pongwatch's store is down"
	m.Push = m.Symbol + " CRITICAL " + m.Headline
	m.Links = c.links(map[string]string{
		"database": "", "database_id": "", "shard": shard, "environment": "", "incident": "", "check": "", "cause": string(cause.MonitorStore),
	}, true)
	return m
}
