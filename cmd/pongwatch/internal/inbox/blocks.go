package inbox

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// span is a piece of a line: words, a link, a mention or a time.
type span struct {
	Text                string
	Bold, Code, Mention bool
	URL                 string
	// At is a time that Text says in this machine's zone, and Fallback in UTC.
	At       time.Time
	Fallback string
}

// blocks returns what a message shows, its text alone where it has no blocks.
func blocks(m Slack) ([]slack.Block, error) {
	if len(m.Blocks) == 0 {
		return []slack.Block{slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, m.Text, false, false), nil, nil)}, nil
	}
	var blocks slack.Blocks
	err := json.Unmarshal(m.Blocks, &blocks)
	return blocks.BlockSet, err
}

// textSpans returns the spans of a text object.
func textSpans(o *slack.TextBlockObject) []span {
	if o.Type == slack.MarkdownType {
		return mrkdwn(o.Text)
	}
	return []span{{Text: o.Text}}
}

// richSpans returns the spans of a line of rich text.
func richSpans(elements []slack.RichTextSectionElement) []span {
	var all []span
	for _, e := range elements {
		switch e := e.(type) {
		case *slack.RichTextSectionTextElement:
			s := span{Text: e.Text}
			if e.Style != nil {
				s.Bold, s.Code = e.Style.Bold, e.Style.Code
			}
			all = append(all, s)
		case *slack.RichTextSectionLinkElement:
			all = append(all, link(e.URL, e.Text))
		case *slack.RichTextSectionUserElement:
			all = append(all, span{Text: "@" + e.UserID, Mention: true})
		case *slack.RichTextSectionDateElement:
			fallback := ""
			if e.Fallback != nil {
				fallback = *e.Fallback
			}
			all = append(all, date(int64(e.Timestamp), e.Format, fallback))
		}
	}
	return all
}

// markup is Slack's mrkdwn as far as an alert uses it: *bold* and what stands in angle brackets.
// Source: https://docs.slack.dev/messaging/formatting-message-text
var markup = regexp.MustCompile(`\B\*([^\s*][^*\n]*)\*\B|<([^<>\n]+)>`)

var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// mrkdwn returns the spans of a text in Slack's markup.
func mrkdwn(text string) []span {
	var all []span
	end := 0
	for _, at := range markup.FindAllStringSubmatchIndex(text, -1) {
		if at[0] > end {
			all = append(all, span{Text: unescape.Replace(text[end:at[0]])})
		}
		end = at[1]
		if at[2] >= 0 {
			all = append(all, span{Text: unescape.Replace(text[at[2]:at[3]]), Bold: true})
		} else {
			all = append(all, entity(unescape.Replace(text[at[4]:at[5]])))
		}
	}
	if end < len(text) {
		all = append(all, span{Text: unescape.Replace(text[end:])})
	}
	return all
}

// entity is what stands in angle brackets: a date, a mention or a link.
func entity(inner string) span {
	target, label, _ := strings.Cut(inner, "|")
	switch {
	case strings.HasPrefix(target, "!date^"):
		stamp, format, _ := strings.Cut(strings.TrimPrefix(target, "!date^"), "^")
		seconds, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil {
			return span{Text: label}
		}
		return date(seconds, format, label)
	case strings.HasPrefix(target, "!"):
		return span{Text: "@" + strings.TrimPrefix(target[1:], "subteam^"), Mention: true}
	case strings.HasPrefix(target, "@"):
		return span{Text: target, Mention: true}
	}
	return link(target, label)
}

// link is its label alone where the address does not lead to a web page.
func link(address, label string) span {
	if label == "" {
		label = address
	}
	if !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://") {
		address = ""
	}
	return span{Text: label, URL: address}
}

// date fills in a format such as "{date_short_pretty} {time}" in the zone of this machine, as Slack
// does in the reader's.
func date(unix int64, format, fallback string) span {
	at := time.Unix(unix, 0)
	text := strings.NewReplacer("{date_short_pretty}", at.Format("Jan 2"), "{time}", at.Format("15:04 MST"), "{time_secs}", at.Format("15:04:05 MST")).Replace(format)
	return span{Text: text, At: at, Fallback: fallback}
}
