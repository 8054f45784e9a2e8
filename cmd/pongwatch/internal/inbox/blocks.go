package inbox

import (
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"strings"
)

// object is any object of Block Kit. The set of blocks is Slack's, large and growing,
// and only what an alert shows is drawn.
// Source: https://docs.slack.dev/reference/block-kit/blocks
type object struct {
	Type        string          `json:"type"`
	Text        json.RawMessage `json:"text"` // an object in a block, a string in rich text
	Fields      []object        `json:"fields"`
	Elements    []object        `json:"elements"`
	Placeholder *object         `json:"placeholder"`
	URL         string          `json:"url"`
	Style       any             `json:"style"` // a string on buttons and lists, an object in rich text
	UserID      string          `json:"user_id"`
	Timestamp   int64           `json:"timestamp"`
	Format      string          `json:"format"`
	Fallback    string          `json:"fallback"`
}

// drawMessage renders the blocks, or the text where there are none.
func drawMessage(m Slack) template.HTML {
	var blocks []object
	if len(m.Blocks) > 0 {
		if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
			return template.HTML("<p><em>Slack would refuse these blocks: " + html.EscapeString(err.Error()) + "</em></p>") //nolint:gosec // escaped
		}
	}
	drawn := drawAll(blocks, drawBlock, "")
	if len(blocks) == 0 && m.Text != "" {
		drawn = "<p>" + mrkdwn(m.Text) + "</p>"
	}
	return template.HTML(drawn) //nolint:gosec // every text went through html.EscapeString; FuzzDraw holds it
}

func drawBlock(o object) string {
	switch o.Type {
	case "header":
		return "<h3>" + drawText(o.Text) + "</h3>"
	case "section":
		text := ""
		if len(o.Text) > 0 {
			text = "<p>" + drawText(o.Text) + "</p>"
		}
		if len(o.Fields) > 0 {
			text += `<ul class="fields"><li>` + drawAll(o.Fields, drawTextObject, "</li><li>") + "</li></ul>"
		}
		return text
	case "context":
		return `<p class="context"><span>` + drawAll(o.Elements, drawTextObject, "</span> <span>") + "</span></p>"
	case "actions":
		return `<p class="actions">` + drawAll(o.Elements, drawAction, " ") + "</p>"
	case "rich_text":
		return drawAll(o.Elements, drawRichBlock, "")
	}
	return "<p><em>(a block of type " + html.EscapeString(o.Type) + ")</em></p>"
}

func drawAll(elements []object, draw func(object) string, separator string) string {
	var parts []string
	for _, e := range elements {
		parts = append(parts, draw(e))
	}
	return strings.Join(parts, separator)
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

// stringOf returns the string, and nothing for what is no string.
func stringOf(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

// drawAction draws what can be pressed in Slack. A button with an address is a link; the
// others are shown and do nothing.
func drawAction(o object) string {
	label := drawText(o.Text)
	if o.Placeholder != nil {
		label = drawTextObject(*o.Placeholder) + " ▾"
	}
	class := "button"
	if o.Style == "primary" || o.Style == "danger" {
		class += " " + o.Style.(string)
	}
	label = `<span class="` + class + `">` + label + `</span>`
	if o.URL != "" {
		return anchor(o.URL, label)
	}
	return label
}

func drawRichBlock(o object) string {
	switch o.Type {
	case "rich_text_section":
		return "<p>" + drawAll(o.Elements, drawRich, "") + "</p>"
	case "rich_text_preformatted":
		return "<pre>" + drawAll(o.Elements, drawRich, "") + "</pre>"
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
	case "link":
		if text == "" {
			text = html.EscapeString(o.URL)
		}
		text = anchor(o.URL, text)
	case "user":
		text = `<span class="mention">@` + html.EscapeString(o.UserID) + `</span>`
	case "date":
		text = date(fmt.Sprintf("%d^%s", o.Timestamp, o.Format), o.Fallback)
	}
	if style, _ := o.Style.(map[string]any); style["bold"] == true {
		text = "<strong>" + text + "</strong>"
	}
	return text
}
