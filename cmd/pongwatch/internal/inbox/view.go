package inbox

import "slices"

// view is what the page's template draws: the newest conversation first, each in
// the order in which it was written.
type view struct {
	Slack []Slack
	Mail  []conversation
	Demo  *Demo
	Mode  string
}

// conversation is the mails of one thread to one recipient.
type conversation struct {
	Subject string
	To      string
	Mails   []mailView
}

// Last is the number of the newest mail, which is shown; the others fold, as in a mail reader.
func (c conversation) Last() int { return c.Mails[len(c.Mails)-1].Number }

type mailView struct {
	Mail
	Number int // its place in Inbox.Mail, which is its address
}

func newView(in Inbox) view {
	v := view{Slack: slices.Clone(in.Slack), Mail: conversations(in.Mail)}
	slices.Reverse(v.Slack)
	return v
}

// conversations groups mails as a mail reader does: by recipient and by the first
// message that References names.
func conversations(mails []Mail) []conversation {
	type thread struct{ to, root string }
	places := map[thread]int{}
	var out []conversation
	for n, m := range mails {
		root := m.MessageID
		switch {
		case len(m.References) > 0:
			root = m.References[0]
		case m.InReplyTo != "":
			root = m.InReplyTo
		}
		at, ok := places[thread{m.To, root}]
		if !ok {
			at = len(out)
			places[thread{m.To, root}] = at
			out = append(out, conversation{Subject: m.Subject, To: m.To})
		}
		out[at].Mails = append(out[at].Mails, mailView{m, n})
	}
	slices.Reverse(out)
	return out
}
