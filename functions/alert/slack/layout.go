package slack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackutilsx"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// The most characters of each part. Slack's own limits are higher, but together
// the blocks must stay below some 12,000 characters or all of them are refused.
const (
	maxHeader   = 150
	maxPush     = 400
	maxSentence = 500
	maxTop      = 750 // impact and first step
	maxFact     = 120
	maxFacts    = 10
	maxEvidence = 320
	maxCause    = 700
	maxStep     = 250
	maxCommands = 400 // of one step
	maxSteps    = 6
	maxListed   = 15 // incidents of a group with a line each
	maxMembers  = 2000
	maxFooter   = 250
	maxText     = 3500
)

// The ids of the controls.
const (
	actionAcknowledge = "acknowledge"
	actionSilence     = "silence"
)

// layout is a whole message. Its first line also says what is new where each
// transition is a message of its own.
func (r *Receiver) layout(m message.Message, first string) layout {
	blocks := []slack.Block{slack.NewHeaderBlock(plain(first, maxHeader))}
	for _, said := range []string{top(m), text.Clip(m.News, maxSentence)} {
		if said != "" {
			blocks = append(blocks, slack.NewSectionBlock(plain(said, maxTop), nil, nil))
		}
	}
	if r.mentions(m) {
		blocks = append(blocks, slack.NewSectionBlock(mrkdwn(mention(r.options.Mention)), nil, nil))
	}
	if r.options.Buttons && len(m.Actions) > 0 {
		blocks = append(blocks, controls(m))
	}
	// Links and all below the facts are rich text, in which nothing is parsed: what comes
	// from outside cannot mention anyone, and an edit always has the rich text that Slack wants.
	if links := r.links(m); len(links) > 0 {
		blocks = append(blocks, slack.NewRichTextBlock("", slack.NewRichTextSection(links...)))
	}
	if fields := facts(m); len(fields) > 0 {
		blocks = append(blocks, slack.NewSectionBlock(nil, fields, nil))
	}
	blocks = append(blocks, slack.NewRichTextBlock("", r.body(m)...))
	footer := m.Footer
	if m.Next != "" {
		footer = message.LabelNext + ": " + m.Next + "  " + footer
	}
	blocks = append(blocks, slack.NewContextBlock("", plain(footer, maxFooter)))
	return layout{text: escaped(m.Push, maxPush), blocks: blocks}
}

// top is what stands below the headline: what it does, and what to do first.
func top(m message.Message) string {
	text := text.Clip(m.Impact, maxSentence)
	if text != "" {
		text = message.LabelImpact + ": " + text
	}
	if step := m.FirstStep(); step != "" {
		text = strings.TrimSpace(text + "\n" + message.LabelFirst + ": " + step)
	}
	return text
}

// replyLayout is a reply in the thread: the headline, and what is new.
func (r *Receiver) replyLayout(m message.Message) layout {
	lines := []slack.RichTextElement{slack.NewRichTextSection(bold(text.Clip(m.FirstLine(), maxHeader)))}
	if m.News != "" {
		lines = append(lines, slack.NewRichTextSection(words(text.Clip(m.News, maxSentence))))
	}
	for _, n := range m.Notes {
		lines = append(lines, note(n))
	}
	blocks := []slack.Block{slack.NewRichTextBlock("", lines...)}
	if r.mentions(m) && broadcast(m) {
		blocks = append(blocks, slack.NewSectionBlock(mrkdwn(mention(r.options.Mention)), nil, nil))
	}
	return layout{text: escaped(m.Push, maxPush), blocks: blocks}
}

// plainFallback is the whole message without blocks, for when Slack refuses those.
func plainFallback(m message.Message) layout { return layout{text: escaped(m.Text(), maxText)} }

func (r *Receiver) mentions(m message.Message) bool {
	return len(r.options.Mention) > 0 && m.Severity == cause.SeverityCritical && !m.Drill &&
		m.State != message.Resolved && m.State != message.Gone && m.State != message.Acknowledged
}

// mention is the one text that is meant to be parsed; its ids come from the
// configuration and have been checked.
func mention(ids []string) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		switch {
		case id == "here", id == "channel":
			words[i] = "<!" + id + ">"
		case strings.HasPrefix(id, "S"):
			words[i] = "<!subteam^" + id + ">"
		default:
			words[i] = "<@" + id + ">"
		}
	}
	return strings.Join(words, " ")
}

// facts are the only fields in mrkdwn, for the times in the reader's zone.
func facts(m message.Message) []*slack.TextBlockObject {
	var fields []*slack.TextBlockObject
	for _, f := range m.Facts[:min(len(m.Facts), maxFacts)] {
		value := inert(text.Clip(f.Text, maxFact))
		if !f.At.IsZero() {
			date := fmt.Sprintf("<!date^%d^{date_short_pretty} {time_secs}|%s>", f.At.Unix(), text.Stamp(f.At))
			if value != "" {
				date += " (" + value + ")"
			}
			value = date
		}
		fields = append(fields, mrkdwn("*"+inert(f.Label)+"*\n"+value))
	}
	return fields
}

// body is the part of the message below the facts.
func (r *Receiver) body(m message.Message) []slack.RichTextElement {
	var all []slack.RichTextElement
	for _, n := range m.Notes {
		all = append(all, note(n))
	}
	all = append(all, memberList(m)...)
	if m.Sparkline != "" {
		all = append(all, slack.NewRichTextSection(bold(message.LabelTrend+" "), words(text.Clip(m.Sparkline, maxFact))))
	}
	for _, e := range m.Evidence {
		all = append(all,
			slack.NewRichTextSection(bold(message.LabelEvidence), words(" ("+text.Clip(e.Label, maxFact)+")")),
			&slack.RichTextPreformatted{Type: slack.RTEPreformatted, Elements: []slack.RichTextSectionElement{words(text.Clip(e.Text, maxEvidence))}})
	}
	if m.CauseText != "" {
		all = append(all, slack.NewRichTextSection(bold(message.LabelCause+": "+text.Clip(m.CauseTitle, maxFact)+". "), words(text.Clip(m.CauseText, maxCause))))
	}
	if len(m.Fix) > 0 {
		var steps []slack.RichTextElement
		for _, s := range m.Fix[:min(len(m.Fix), maxSteps)] {
			step := []slack.RichTextSectionElement{words(text.Clip(s.Text, maxStep))}
			if commands := strings.Join(s.Commands, "\n"); commands != "" && len(commands) <= maxCommands {
				// A command that is cut would do something else.
				step = append(step, words("\n"), slack.NewRichTextSectionTextElement(commands, &slack.RichTextSectionTextStyle{Code: true}))
			}
			steps = append(steps, slack.NewRichTextSection(step...))
		}
		all = append(all, slack.NewRichTextSection(bold(message.LabelFix)), slack.NewRichTextList(slack.RTEListOrdered, 0, steps...))
	}
	if len(all) == 0 {
		all = append(all, slack.NewRichTextSection(words(m.Short)))
	}
	return all
}

func note(n message.Note) slack.RichTextElement {
	line := []slack.RichTextSectionElement{words(text.Clip(n.Text, maxSentence))}
	switch {
	case n.By != "" && n.Via == "slack" && userPattern.MatchString(n.By):
		line = append(line, words(" by "), slack.NewRichTextSectionUserElement(n.By, nil))
	case n.By != "":
		line = append(line, words(" by "+n.Person()))
	}
	if !n.At.IsZero() {
		fallback := text.Stamp(n.At)
		line = append(line, words(" at "), slack.NewRichTextSectionDateElement(n.At.Unix(), "{date_short_pretty} {time}", nil, &fallback))
	}
	return slack.NewRichTextSection(line...)
}

// memberList lists a group's incidents: a few with all that is known of each, many
// by name alone, as far as there is room.
func memberList(m message.Message) []slack.RichTextElement {
	if len(m.Members) == 0 {
		return nil
	}
	all := []slack.RichTextElement{slack.NewRichTextSection(bold(message.LabelMembers + fmt.Sprintf(" (%d)", len(m.Members))))}
	if len(m.Members) <= maxListed {
		var items []slack.RichTextElement
		for _, line := range m.MemberLines() {
			items = append(items, slack.NewRichTextSection(words(text.Clip(line, maxFact))))
		}
		return append(all, slack.NewRichTextList(slack.RTEListBullet, 0, items...))
	}
	listed := map[bool][]string{} // by whether it is open
	for _, x := range m.Members {
		listed[x.Open] = append(listed[x.Open], x.Database)
	}
	if open := listed[true]; len(open) > 0 {
		all = append(all, slack.NewRichTextSection(words(names(open, maxMembers))))
	}
	if over := listed[false]; len(over) > 0 {
		all = append(all, slack.NewRichTextSection(bold("Well again: "), words(names(over, maxMembers/2))))
	}
	return all
}

// names joins as many names as fit into limit characters and counts the rest.
func names(all []string, limit int) string {
	text := ""
	for i, name := range all {
		if len(text)+len(name)+2 > limit {
			return text + fmt.Sprintf(" and %d more", len(all)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += name
	}
	return text
}

func (r *Receiver) links(m message.Message) []slack.RichTextSectionElement {
	all := m.Links
	if !r.options.Buttons {
		for _, a := range m.Actions {
			if a.URL != "" {
				all = append(slices.Clip(all), message.Link{Label: a.Label, URL: a.URL})
			}
		}
	}
	var out []slack.RichTextSectionElement
	for _, l := range all {
		if len(l.URL) > 2000 {
			continue
		}
		if len(out) > 0 {
			out = append(out, words(" · "))
		}
		out = append(out, slack.NewRichTextSectionLinkElement(l.URL, l.Label, nil))
	}
	return out
}

// controls are the buttons. Their block id changes with each revision: Slack keeps
// the state of a control whose id stays.
func controls(m message.Message) slack.Block {
	var elements []slack.BlockElement
	for _, a := range m.Actions {
		switch {
		case a.Kind == report.Acknowledge:
			elements = append(elements, slack.NewButtonBlockElement(actionAcknowledge, a.Control, plain(a.Label, 75)).WithStyle(slack.StylePrimary))
		case a.Kind == report.Silence && len(a.Choices) > 0:
			var options []*slack.OptionBlockObject
			for _, d := range a.Choices {
				options = append(options, slack.NewOptionBlockObject(silenceValue(d, a.Control), plain(text.Duration(d), 75), nil))
			}
			elements = append(elements, slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plain(a.Label+" for …", 75), actionSilence, options...))
		}
	}
	return slack.NewActionBlock(fmt.Sprintf("actions-%s-%d", m.Short, m.Revision), elements...)
}

func plain(s string, limit int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, text.Clip(s, limit), false, false)
}

func mrkdwn(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, s, false, true)
}

func words(s string) slack.RichTextSectionElement { return slack.NewRichTextSectionTextElement(s, nil) }

func bold(s string) slack.RichTextSectionElement {
	return slack.NewRichTextSectionTextElement(s, &slack.RichTextSectionTextStyle{Bold: true})
}

// escaped is for the text of a message, which Slack parses.
func escaped(s string, limit int) string { return slackutilsx.EscapeMessage(text.Clip(s, limit)) }

// inert also takes the characters that format.
func inert(s string) string {
	return slackutilsx.EscapeMessage(strings.NewReplacer("*", "∗", "~", "∼", "`", "'").Replace(s))
}
