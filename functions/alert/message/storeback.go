package message

import (
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

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
	m.News = "This message named " + list(names, 3) + ". If that still fails, an incident follows."
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
	m.CauseTitle = "pongwatch cannot use its data file"
	m.CauseText = "pongwatch keeps its state in " + folder + ". The file there cannot be read or written. Alerts may come twice or late, and history has a gap."
	m.Fix = []Step{
		{Text: "See whether the disk is full, and free space.", Commands: []string{"df -h " + shellWord(folder)}},
		{Text: "See whether pongwatch may write there.", Commands: []string{"ls -la " + shellWord(folder)}},
		{Text: "Do not restart pongwatch. It continues by itself when the file can be written again."},
	}
	if err != nil {
		m.Evidence = append(m.Evidence, Evidence{"error", text.Clip(err.Error(), report.MaxEvidence)})
	}
	return m
}

// shellWord quotes a word for a shell.
func shellWord(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
