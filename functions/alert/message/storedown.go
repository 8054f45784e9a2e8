package message

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/docs/playbooks"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// storeDownSlot is the span in which all such messages have one id.
const storeDownSlot = 30 * time.Minute

// RenderStoreDown returns the one message that Alert sends without its state: the store
// does not answer, and the report's own waves have confirmed these failures. Its reader
// may get it again.
func RenderStoreDown(shard string, failures []report.Observation, now time.Time, c Context) Message {
	info := cause.MonitorStore.Info()
	m := Message{
		// The same for every instance, so that a receiver that knows ids shows one.
		ID: "store-" + shard + "-" + now.UTC().Truncate(storeDownSlot).Format("20060102T1504Z"), Short: "no incident", Shard: shard,
		Event: incident.Opened, Events: []incident.Event{incident.Opened}, State: Open,
		Severity: cause.SeverityCritical, Cause: cause.MonitorStore, Opening: true, Loud: true,
		Symbol: symbol(Open, cause.SeverityCritical, false), Since: now, At: now,
		News:       "pongwatch cannot use its store. This is what its last run confirmed. Duplicates are possible. Another message follows when the store works again.",
		CauseTitle: info.Title, CauseText: info.Explanation,
		Next:   "While the store is down, another such message follows in half an hour at the earliest.",
		Footer: c.footer("no incident id", "shard "+shard),
		Facts:  []Fact{{Label: "Seen", At: now}},
	}
	var names, environments, impacts []string
	for _, o := range failures {
		name := DatabaseName(o.Database)
		// Of each cause, as far as there is room. What is wrong with the store is the lesser trouble.
		if said := playbooks.UsersSee(o.Cause); said != "" && !slices.Contains(impacts, said) && len(impacts) < 2 {
			impacts = append(impacts, said)
			m.Fix = append(m.Fix, Step{Text: name + ": " + o.Cause.Info().Fix[0]})
		}
		names, environments = append(names, name), append(environments, c.environment(o.Database))
		m.Members = append(m.Members, Member{
			ID: m.ID + "-" + o.Database + "-" + string(o.Check), Database: name, Short: string(o.Check), Environment: c.environment(o.Database),
			Check: o.Check, Severity: cause.SeverityCritical, Open: true, Cause: o.Cause, Since: o.At,
		})
	}
	m.Impact = strings.Join(impacts, " ")
	for _, step := range info.Fix {
		m.Fix = append(m.Fix, Step{Text: step})
	}
	names = distinct(names)
	fail := text.Count(len(names), "database fails", "databases fail")
	if !slices.ContainsFunc(failures, func(o report.Observation) bool { return !o.Check.OfApp() }) {
		fail = text.Count(len(names), "database's app fails", "databases' apps fail")
	}
	m.Environment = together(environments)
	m.Tag = tag(m.Environment, Open, cause.SeverityCritical, false)
	m.Headline = m.cut(fmt.Sprintf("%s: %s (store down, duplicates possible)", fail, list(names, 3)), ", seen "+text.Clock(now, now))
	m.Cause = "" // each member shows its own
	m.Subject = m.Tag + fail + " while pongwatch's store is down"
	m.Push = m.Symbol + " " + m.Headline
	m.Links = c.links(map[string]string{"shard": shard, "cause": string(cause.MonitorStore)}, true)
	return m
}

// RenderStoreBack returns the end of a message that [RenderStoreDown] has made: the store
// works again. Whether the databases in it do is for their own incidents to say.
func RenderStoreBack(m Message, now time.Time) Message {
	var names []string
	for _, member := range m.Members {
		names = append(names, member.Database)
	}
	m.Revision++
	m.Event, m.Events, m.State = incident.Resolved, []incident.Event{incident.Resolved}, Resolved
	m.Opening, m.Loud, m.Until, m.At = false, true, now, now
	m.Symbol = symbol(m.State, m.Severity, false)
	m.Headline = "pongwatch's store works again, after " + text.Duration(now.Sub(m.Since)) + " (" + between(m.Since, now, now) + ")"
	m.News = "This message named " + list(distinct(names), 3) + ". If that still fails, an incident follows."
	m.Tag = tag(m.Environment, m.State, m.Severity, false)
	m.Impact, m.Members, m.Evidence, m.Fix = "", nil, nil, nil
	m.Next = "No action needed."
	m.Facts = []Fact{{Label: "Seen", At: m.Since}, {Label: "Until", At: now}}
	m.Push = m.Symbol + " " + m.Headline
	return m
}

// OnDisk returns a message of [RenderStoreDown] for a store that is a file below folder:
// what helps Firestore does not help a disk.
func OnDisk(m Message, folder string, err error) Message {
	quoted := "'" + strings.ReplaceAll(folder, "'", `'\''`) + "'" // for a shell
	m.CauseTitle = "pongwatch cannot use its data file"
	m.CauseText = "pongwatch keeps its state in " + folder + ". The file there cannot be read or written. Alerts may come twice or late, and history has a gap."
	m.Fix = append(slices.Clip(m.Fix[:len(m.Fix)-len(cause.MonitorStore.Info().Fix)]),
		Step{Text: "See whether the disk is full, and free space.", Commands: []string{"df -h " + quoted}},
		Step{Text: "See whether pongwatch may write there.", Commands: []string{"ls -la " + quoted}},
		Step{Text: "Do not restart pongwatch. It continues by itself when the file can be written again."})
	if err != nil {
		m.Evidence = append(m.Evidence, Evidence{"error", text.Clip(err.Error(), report.MaxEvidence)})
	}
	return m
}
