package inbox

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Slack's mrkdwn as far as an alert uses it
// (https://docs.slack.dev/messaging/formatting-message-text). Slack's text escapes
// "&", "<" and ">" and no more, so what is not markup is unescaped, then escaped
// for HTML.
var (
	fence  = regexp.MustCompile("(?s)```\n?(.*?)\n?```")
	code   = regexp.MustCompile("`([^`\n]+)`")
	entity = regexp.MustCompile(`<([^<>\n]+)>`)
	// Emphasis begins after a space or punctuation and ends before one.
	bold   = emphasis(`\*`)
	italic = emphasis(`_`)
	strike = emphasis(`~`)
	emoji  = regexp.MustCompile(`:([a-z0-9_+-]+):`)
)

func emphasis(mark string) *regexp.Regexp {
	return regexp.MustCompile(`(^|[\s(\[{"'>\p{P}\p{S}])` + mark + `([^\s` + mark + `\n](?:[^` + mark + `\n]*[^\s` + mark + `\n])?)` + mark + `($|[\s)\]}"'<.,:;!?\p{P}\p{S}])`)
}

// mrkdwn renders Slack's markup as HTML that is safe to embed. Code and links are
// set aside first, each as one character of the private area, so that emphasis can
// stand around them and never inside.
func mrkdwn(text string) string {
	text = strings.Map(func(r rune) rune {
		if r >= aside {
			return -1
		}
		return r
	}, text)
	var rendered []string
	set := func(re *regexp.Regexp, draw func(inner string) string) {
		text = re.ReplaceAllStringFunc(text, func(match string) string {
			rendered = append(rendered, draw(re.FindStringSubmatch(match)[1]))
			return string(rune(aside + len(rendered) - 1))
		})
	}
	set(fence, func(inner string) string { return "<pre>" + plain(inner) + "</pre>" })
	set(code, func(inner string) string { return "<code>" + plain(inner) + "</code>" })
	set(entity, link)

	var b strings.Builder
	for _, r := range emphasize(plain(text)) {
		if i := int(r) - aside; i >= 0 && i < len(rendered) {
			b.WriteString(rendered[i])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// aside is the first character of Unicode's supplementary private use area.
const aside = 0xF0000

// plain escapes text in which Slack looks for no markup.
func plain(text string) string {
	return html.EscapeString(unescape.Replace(text))
}

var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// emphasize renders emphasis, emoji and line breaks of text that is already
// escaped: it adds tags and cannot open one.
func emphasize(text string) string {
	for _, e := range []struct {
		re  *regexp.Regexp
		tag string
	}{{bold, "strong"}, {italic, "em"}, {strike, "s"}} {
		text = e.re.ReplaceAllString(text, "$1<"+e.tag+">$2</"+e.tag+">$3")
	}
	return strings.ReplaceAll(emojis(text), "\n", "<br>")
}

// link renders what stands in angle brackets: a link, a mention or a date.
func link(inner string) string {
	target, label, labelled := strings.Cut(inner, "|")
	switch {
	case strings.HasPrefix(target, "!date^"):
		return date(strings.TrimPrefix(target, "!date^"), label)
	case strings.HasPrefix(target, "!"):
		name := strings.TrimPrefix(strings.TrimPrefix(target, "!"), "subteam^")
		if labelled {
			name = strings.TrimPrefix(label, "@")
		}
		return `<span class="mention">@` + plain(name) + `</span>`
	case strings.HasPrefix(target, "@"), strings.HasPrefix(target, "#"):
		if labelled {
			target = target[:1] + label
		}
		return `<span class="mention">` + plain(target) + `</span>`
	}
	target = unescape.Replace(target)
	if !labelled {
		label = target
	}
	return anchor(target, emojis(plain(label)))
}

// anchor links label, which is HTML, where target is a web or mail address.
func anchor(target, label string) string {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto" {
		return label
	}
	return `<a href="` + html.EscapeString(u.String()) + `" rel="noopener noreferrer" target="_blank">` + label + `</a>`
}

// date renders "<!date^UNIX^{date_short} at {time}^LINK|fallback>" in the zone of this
// machine, as Slack does in the reader's.
func date(spec, fallback string) string {
	parts := strings.Split(spec, "^")
	seconds, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || len(parts) < 2 {
		return plain(fallback)
	}
	at := time.Unix(seconds, 0).Local()
	text := strings.NewReplacer(
		"{date_num}", at.Format("2006-01-02"),
		"{date}", at.Format("January 2, 2006"),
		"{date_short}", at.Format("Jan 2, 2006"),
		"{date_long}", at.Format("Monday, January 2, 2006"),
		"{date_pretty}", at.Format("January 2"),
		"{date_short_pretty}", at.Format("Jan 2"),
		"{date_long_pretty}", at.Format("Monday, January 2"),
		"{time}", at.Format("15:04 MST"),
		"{time_secs}", at.Format("15:04:05 MST"),
		"{ago}", at.Format("15:04 MST"),
	).Replace(parts[1])
	return fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, at.UTC().Format(time.RFC3339), plain(fallback), plain(text))
}

// emojis replaces the names that alerts use; html is already escaped.
func emojis(html string) string {
	return emoji.ReplaceAllStringFunc(html, func(name string) string {
		if e, ok := emojiNames[strings.Trim(name, ":")]; ok {
			return e
		}
		return name
	})
}

var emojiNames = map[string]string{
	"red_circle": "🔴", "large_yellow_circle": "🟡", "large_orange_circle": "🟠", "large_green_circle": "🟢", "large_blue_circle": "🔵",
	"white_circle": "⚪", "white_check_mark": "✅", "warning": "⚠️", "rotating_light": "🚨", "no_entry": "⛔", "x": "❌",
	"mute": "🔇", "no_bell": "🔕", "bell": "🔔", "eyes": "👀", "information_source": "ℹ️", "hourglass_flowing_sand": "⏳", "wrench": "🔧", "test_tube": "🧪",
}
