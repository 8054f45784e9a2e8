package slacktest

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// The limits of messages, from docs.slack.dev/reference/block-kit/blocks and the
// composition objects' pages. maxBlockText is not documented: Slack answers
// msg_blocks_too_long somewhere above 12,000 characters in all blocks together
// (github.com/slackapi/bolt-js/issues/2509).
const (
	maxText      = 40_000
	maxBlocks    = 50
	maxBlockText = 12_000
	maxHeader    = 150
	maxSection   = 3000
	maxField     = 2000
	maxFields    = 10
	maxContext   = 10
	maxActions   = 25
	maxButton    = 75
	maxValue     = 2000
	maxURL       = 3000
	maxID        = 255
	maxOptions   = 100
	maxOption    = 75
	maxChoice    = 150
)

// node holds the fields of all blocks, elements and objects that messages may hold.
type node struct {
	Type        string          `json:"type"`
	Text        json.RawMessage `json:"text"`
	BlockID     string          `json:"block_id"`
	ActionID    string          `json:"action_id"`
	Fields      []node          `json:"fields"`
	Elements    []node          `json:"elements"`
	Accessory   *node           `json:"accessory"`
	Placeholder *node           `json:"placeholder"`
	Options     []node          `json:"options"`
	Value       string          `json:"value"`
	URL         string          `json:"url"`
	Timestamp   int64           `json:"timestamp"`
	Format      string          `json:"format"`
}

// checker walks blocks and stops at the first fault.
type checker struct {
	total int
	ids   map[string]bool
}

// check returns Slack's error code and the reason, or "".
func check(c Content) (code, problem string) {
	if n := utf8.RuneCountInString(c.Text); n > maxText {
		return "msg_too_long", fmt.Sprintf("text has %d characters", n)
	}
	if len(c.Blocks) == 0 {
		if c.Text == "" {
			return "no_text", "neither text nor blocks"
		}
		return "", ""
	}
	var blocks []node
	if err := json.Unmarshal(c.Blocks, &blocks); err != nil {
		return "invalid_blocks_format", err.Error()
	}
	if len(blocks) > maxBlocks {
		return "invalid_blocks", fmt.Sprintf("%d blocks, at most %d", len(blocks), maxBlocks)
	}
	k := checker{ids: map[string]bool{}}
	for i, b := range blocks {
		if err := k.block(b); err != nil {
			return "invalid_blocks", fmt.Sprintf("%v [json-pointer:/blocks/%d]", err, i)
		}
	}
	if k.total > maxBlockText {
		return "msg_blocks_too_long", fmt.Sprintf("%d characters in all blocks", k.total)
	}
	return "", ""
}

func (k *checker) block(b node) error {
	if len(b.BlockID) > maxID {
		return fmt.Errorf("block_id of %d characters", len(b.BlockID))
	}
	if b.BlockID != "" && k.ids["block "+b.BlockID] {
		return fmt.Errorf("block_id %q is used twice", b.BlockID)
	}
	k.ids["block "+b.BlockID] = true
	switch b.Type {
	case "header":
		return k.text(b.Text, maxHeader, true)
	case "section":
		switch {
		case len(b.Text) == 0 && len(b.Fields) == 0:
			return fmt.Errorf("section without text and fields")
		case len(b.Fields) > maxFields:
			return fmt.Errorf("%d fields, at most %d", len(b.Fields), maxFields)
		case len(b.Text) > 0:
			if err := k.text(b.Text, maxSection, false); err != nil {
				return err
			}
		}
		return k.objects(b.Fields, maxField)
	case "context":
		if len(b.Elements) == 0 || len(b.Elements) > maxContext {
			return fmt.Errorf("%d context elements, want 1 to %d", len(b.Elements), maxContext)
		}
		return k.objects(b.Elements, maxSection)
	case "actions":
		if len(b.Elements) == 0 || len(b.Elements) > maxActions {
			return fmt.Errorf("%d actions, want 1 to %d", len(b.Elements), maxActions)
		}
		for _, e := range b.Elements {
			id := "action " + b.BlockID + " " + e.ActionID
			if len(e.ActionID) > maxID || k.ids[id] && e.ActionID != "" {
				return fmt.Errorf("action_id %q is too long or used twice", e.ActionID)
			}
			k.ids[id] = true
			if err := k.control(e); err != nil {
				return err
			}
		}
		return nil
	case "divider":
		return nil
	case "rich_text":
		return k.richText(b)
	}
	return fmt.Errorf("unsupported type: %s", b.Type)
}

func (k *checker) control(e node) error {
	switch e.Type {
	case "button":
		if utf8.RuneCountInString(e.Value) > maxValue || len(e.URL) > maxURL {
			return fmt.Errorf("button's value or url is too long")
		}
		return k.text(e.Text, maxButton, true)
	case "static_select":
		if e.Placeholder == nil || len(e.Options) == 0 || len(e.Options) > maxOptions {
			return fmt.Errorf("static_select wants a placeholder and 1 to %d options", maxOptions)
		}
		for _, o := range e.Options {
			if n := utf8.RuneCountInString(o.Value); n == 0 || n > maxChoice {
				return fmt.Errorf("option's value has %d characters", n)
			}
			if err := k.text(o.Text, maxOption, true); err != nil {
				return err
			}
		}
		return k.object(*e.Placeholder, maxHeader, true)
	}
	return fmt.Errorf("unsupported element: %s", e.Type)
}

func (k *checker) objects(all []node, limit int) error {
	for _, n := range all {
		if err := k.object(n, limit, false); err != nil {
			return err
		}
	}
	return nil
}

// text checks a text object in its raw form.
func (k *checker) text(object json.RawMessage, limit int, plain bool) error {
	var n node
	if err := json.Unmarshal(object, &n); err != nil {
		return fmt.Errorf("text is not a text object")
	}
	return k.object(n, limit, plain)
}

func (k *checker) object(n node, limit int, plain bool) error {
	if n.Type != "plain_text" && (plain || n.Type != "mrkdwn") {
		return fmt.Errorf("text object of type %q", n.Type)
	}
	var s string
	if err := json.Unmarshal(n.Text, &s); err != nil {
		return fmt.Errorf("text object without text")
	}
	count := utf8.RuneCountInString(s)
	if count == 0 || count > limit {
		return fmt.Errorf("text of %d characters, want 1 to %d", count, limit)
	}
	k.total += count
	return nil
}

// richText counts the text of every leaf; a leaf of an unknown type is refused.
func (k *checker) richText(n node) error {
	for _, e := range n.Elements {
		switch e.Type {
		case "rich_text_section", "rich_text_preformatted", "rich_text_quote", "rich_text_list":
			if err := k.richText(e); err != nil {
				return err
			}
		case "text", "link":
			var s string
			if e.Type == "text" && (json.Unmarshal(e.Text, &s) != nil || s == "") {
				return fmt.Errorf("rich text without text")
			}
			k.total += utf8.RuneCountInString(s)
		case "date":
			if e.Timestamp == 0 || e.Format == "" {
				return fmt.Errorf("date without timestamp or format")
			}
		case "emoji", "user", "usergroup":
		default:
			return fmt.Errorf("unsupported rich text: %s", e.Type)
		}
	}
	return nil
}

func hasRichText(blocks json.RawMessage) bool {
	var list []node
	_ = json.Unmarshal(blocks, &list) // checked before
	return slices.ContainsFunc(list, func(b node) bool { return b.Type == "rich_text" })
}
