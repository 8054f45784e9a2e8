package inbox

import (
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"strings"
)

// object is any object of Block Kit: the set of blocks is Slack's, large and
// growing, and only what an alert shows is drawn.
// Source: https://docs.slack.dev/reference/block-kit/blocks
type object struct {
	Type     string          `json:"type"`
	Text     json.RawMessage `json:"text"` // an object in a block, a string in rich text
	Fields   []object        `json:"fields"`
	Elements []object        `json:"elements"`
	// Accessory stands at the right of a section.
	Accessory   *object  `json:"accessory"`
	Placeholder *object  `json:"placeholder"`
	URL         string   `json:"url"`
	Style       any      `json:"style"` // a string on buttons and lists, an object in rich text
	Name        string   `json:"name"`
	UserID      string   `json:"user_id"`
	Usergroup   string   `json:"usergroup_id"`
	Range       string   `json:"range"`
	AltText     string   `json:"alt_text"`
	Timestamp   int64    `json:"timestamp"`
	Format      string   `json:"format"`
	Fallback    string   `json:"fallback"`
	Blocks      []object `json:"blocks"`
	Color       string   `json:"color"`
}

// drawMessage renders blocks and attachments, or the text where there are none.
func drawMessage(m Slack) template.HTML {
	blocks, err := parse(m.Blocks)
	if err != nil {
		return problem("blocks", err)
	}
	attachments, err := parse(m.Attachments)
	if err != nil {
		return problem("attachments", err)
	}
	var b strings.Builder
	for _, o := range blocks {
		b.WriteString(drawBlock(o))
	}
	if len(blocks) == 0 && m.Text != "" {
		b.WriteString("<p>" + mrkdwn(m.Text) + "</p>")
	}
	for _, a := range attachments {
		b.WriteString(drawAttachment(a))
	}
	return template.HTML(b.String()) //nolint:gosec // every text went through html.EscapeString; FuzzDraw holds it
}

func parse(raw json.RawMessage) ([]object, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var out []object
	err := json.Unmarshal(raw, &out)
	return out, err
}

func problem(what string, err error) template.HTML {
	return template.HTML(fmt.Sprintf("<p><em>Slack would refuse these %s: %s</em></p>", what, html.EscapeString(err.Error()))) //nolint:gosec // escaped
}

func drawAttachment(a object) string {
	var b strings.Builder
	for _, o := range a.Blocks {
		b.WriteString(drawBlock(o))
	}
	if len(a.Blocks) == 0 {
		b.WriteString("<p>" + drawText(a.Text) + "</p>")
	}
	return `<div class="attachment ` + attachmentClass(a.Color) + `">` + b.String() + `</div>`
}

// attachmentClass maps a bar's colour to a class, since the page's policy allows no
// inline style: by the strongest channel.
func attachmentClass(color string) string {
	var r, g, b int
	if _, err := fmt.Sscanf(strings.TrimPrefix(color, "#"), "%02x%02x%02x", &r, &g, &b); err != nil {
		switch color {
		case "good":
			return "bar-good"
		case "warning":
			return "bar-warning"
		case "danger":
			return "bar-danger"
		}
		return "bar-plain"
	}
	switch {
	case r > 150 && g > 110 && b < 110:
		return "bar-warning"
	case r > g && r > b:
		return "bar-danger"
	case g > r && g > b:
		return "bar-good"
	}
	return "bar-plain"
}

func drawBlock(o object) string {
	switch o.Type {
	case "header":
		return "<h3>" + drawText(o.Text) + "</h3>"
	case "section":
		return drawSection(o)
	case "context":
		return `<p class="context">` + drawAll(o.Elements, drawContext, " ") + "</p>"
	case "divider":
		return "<hr>"
	case "actions":
		return `<p class="actions">` + drawAll(o.Elements, drawAction, " ") + "</p>"
	case "rich_text":
		return drawAll(o.Elements, drawRichBlock, "")
	case "image":
		return "<p>🖼 " + html.EscapeString(o.AltText) + "</p>"
	}
	return "<p><em>(a block of type " + html.EscapeString(o.Type) + ")</em></p>"
}

func drawSection(o object) string {
	var b strings.Builder
	if len(o.Text) > 0 {
		b.WriteString("<p>" + drawText(o.Text) + "</p>")
	}
	if len(o.Fields) > 0 {
		b.WriteString(`<ul class="fields">`)
		for _, f := range o.Fields {
			b.WriteString("<li>" + drawTextObject(f) + "</li>")
		}
		b.WriteString("</ul>")
	}
	if o.Accessory != nil {
		b.WriteString(`<p class="actions">` + drawAction(*o.Accessory) + "</p>")
	}
	return b.String()
}

func drawAll(elements []object, draw func(object) string, separator string) string {
	var parts []string
	for _, e := range elements {
		parts = append(parts, draw(e))
	}
	return strings.Join(parts, separator)
}

func drawContext(o object) string {
	if o.Type == "image" {
		return html.EscapeString(o.AltText)
	}
	return "<span>" + drawTextObject(o) + "</span>"
}

// drawText draws a text object.
func drawText(raw json.RawMessage) string {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		return mrkdwn(stringOf(raw))
	}
	return drawTextObject(o)
}

func drawTextObject(o object) string {
	text := stringOf(o.Text)
	if o.Type == "mrkdwn" {
		return mrkdwn(text)
	}
	return strings.ReplaceAll(emojis(html.EscapeString(text)), "\n", "<br>")
}

func stringOf(raw json.RawMessage) string {
	var s string
	// What is not a string was not meant to be read.
	_ = json.Unmarshal(raw, &s)
	return s
}

// drawAction draws what can be pressed in Slack. A button with an address is a
// link; the others are shown, not offered.
func drawAction(o object) string {
	label := ""
	switch {
	case len(o.Text) > 0:
		label = drawText(o.Text)
	case o.Placeholder != nil:
		label = drawTextObject(*o.Placeholder) + " ▾"
	default:
		label = "⋯"
	}
	class := "button"
	if style, ok := o.Style.(string); ok && (style == "primary" || style == "danger") {
		class += " " + style
	}
	label = `<span class="` + class + `">` + label + `</span>`
	if o.URL != "" {
		return anchor(o.URL, label)
	}
	return label
}

func drawRichBlock(o object) string {
	inner := func() string { return drawAll(o.Elements, drawRich, "") }
	switch o.Type {
	case "rich_text_section":
		return "<p>" + inner() + "</p>"
	case "rich_text_preformatted":
		return "<pre>" + inner() + "</pre>"
	case "rich_text_quote":
		return "<blockquote>" + inner() + "</blockquote>"
	case "rich_text_list":
		tag := "ul"
		if o.Style == "ordered" {
			tag = "ol"
		}
		return "<" + tag + ">" + drawAll(o.Elements, func(item object) string {
			return "<li>" + drawAll(item.Elements, drawRich, "") + "</li>"
		}, "") + "</" + tag + ">"
	}
	return ""
}

func drawRich(o object) string {
	text := strings.ReplaceAll(html.EscapeString(stringOf(o.Text)), "\n", "<br>")
	switch o.Type {
	case "text":
	case "link":
		if text == "" {
			text = html.EscapeString(o.URL)
		}
		text = anchor(o.URL, text)
	case "emoji":
		text = emojis(":" + html.EscapeString(o.Name) + ":")
	case "user":
		text = `<span class="mention">@` + html.EscapeString(o.UserID) + `</span>`
	case "usergroup":
		text = `<span class="mention">@` + html.EscapeString(o.Usergroup) + `</span>`
	case "broadcast":
		text = `<span class="mention">@` + html.EscapeString(o.Range) + `</span>`
	case "date":
		text = date(fmt.Sprintf("%d^%s", o.Timestamp, o.Format), o.Fallback)
	}
	style, _ := o.Style.(map[string]any)
	for _, s := range []struct{ name, tag string }{{"bold", "strong"}, {"italic", "em"}, {"strike", "s"}, {"code", "code"}} {
		if on, _ := style[s.name].(bool); on {
			text = "<" + s.tag + ">" + text + "</" + s.tag + ">"
		}
	}
	return text
}
