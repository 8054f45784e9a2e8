package slacktest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/slack-go/slack"
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

// checker walks blocks, and keeps the first problem that it finds.
type checker struct {
	total   int // characters
	ids     map[string]bool
	problem string
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
	var list []json.RawMessage // slack.Blocks may be an object as well
	var blocks slack.Blocks
	if err := cmp.Or(json.Unmarshal(c.Blocks, &list), json.Unmarshal(c.Blocks, &blocks)); err != nil {
		return "invalid_blocks_format", err.Error()
	}
	if n := len(blocks.BlockSet); n > maxBlocks {
		return "invalid_blocks", fmt.Sprintf("%d blocks, at most %d", n, maxBlocks)
	}
	k := checker{ids: map[string]bool{}}
	for i, b := range blocks.BlockSet {
		if k.block(b); k.problem != "" {
			return "invalid_blocks", fmt.Sprintf("%s [json-pointer:/blocks/%d]", k.problem, i)
		}
	}
	if k.total > maxBlockText {
		return "msg_blocks_too_long", fmt.Sprintf("%d characters in all blocks", k.total)
	}
	return "", ""
}

// want notes a problem unless ok.
func (k *checker) want(ok bool, format string, args ...any) {
	if !ok && k.problem == "" {
		k.problem = fmt.Sprintf(format, args...)
	}
}

// id wants an id that is short, and that no other of its kind has.
func (k *checker) id(kind, id string) {
	k.want(len(id) <= maxID, "%s of %d characters", kind, len(id))
	k.want(id == "" || !k.ids[kind+" "+id], "%s %q is used twice", kind, id)
	k.ids[kind+" "+id] = true
}

func (k *checker) block(b slack.Block) {
	k.id("block_id", b.ID())
	switch b := b.(type) {
	case *slack.HeaderBlock:
		k.text(b.Text, maxHeader, true)
	case *slack.SectionBlock:
		k.want(b.Text != nil || len(b.Fields) > 0, "section without text and fields")
		k.want(len(b.Fields) <= maxFields, "%d fields, at most %d", len(b.Fields), maxFields)
		if b.Text != nil {
			k.text(b.Text, maxSection, false)
		}
		for _, f := range b.Fields {
			k.text(f, maxField, false)
		}
	case *slack.ContextBlock:
		n := len(b.ContextElements.Elements)
		k.want(n > 0 && n <= maxContext, "%d context elements, want 1 to %d", n, maxContext)
		for _, e := range b.ContextElements.Elements {
			text, ok := e.(*slack.TextBlockObject)
			if k.want(ok, "unsupported context element"); ok {
				k.text(text, maxSection, false)
			}
		}
	case *slack.ActionBlock:
		n := len(b.Elements.ElementSet)
		k.want(n > 0 && n <= maxActions, "%d actions, want 1 to %d", n, maxActions)
		for _, e := range b.Elements.ElementSet {
			k.control(b.BlockID, e)
		}
	case *slack.RichTextBlock:
		k.richText(b.Elements...)
	case *slack.DividerBlock:
	default:
		k.want(false, "unsupported type: %s", b.BlockType())
	}
}

func (k *checker) control(block string, e slack.BlockElement) {
	switch e := e.(type) {
	case *slack.ButtonBlockElement:
		k.id("action_id in "+block, e.ActionID)
		k.want(utf8.RuneCountInString(e.Value) <= maxValue && len(e.URL) <= maxURL, "button's value or url is too long")
		k.text(e.Text, maxButton, true)
	case *slack.SelectBlockElement:
		k.id("action_id in "+block, e.ActionID)
		k.want(e.Type == slack.OptTypeStatic && len(e.Options) > 0 && len(e.Options) <= maxOptions, "want a static_select of 1 to %d options", maxOptions)
		for _, o := range e.Options {
			n := utf8.RuneCountInString(o.Value)
			k.want(n > 0 && n <= maxChoice, "option's value has %d characters", n)
			k.text(o.Text, maxOption, true)
		}
		k.text(e.Placeholder, maxHeader, true)
	default:
		k.want(false, "unsupported element: %s", e.ElementType())
	}
}

// text wants a text object of at least one character and at most limit.
func (k *checker) text(o *slack.TextBlockObject, limit int, plain bool) {
	if o == nil {
		o = &slack.TextBlockObject{}
	}
	n := utf8.RuneCountInString(o.Text)
	k.want(o.Type == slack.PlainTextType || o.Type == slack.MarkdownType && !plain, "text object of type %q", o.Type)
	k.want(n > 0 && n <= limit, "text of %d characters, want 1 to %d", n, limit)
	k.total += n
}

func (k *checker) richText(all ...slack.RichTextElement) {
	for _, e := range all {
		switch e := e.(type) {
		case *slack.RichTextSection:
			k.leaves(e.Elements)
		case *slack.RichTextPreformatted:
			k.leaves(e.Elements)
		case *slack.RichTextList:
			k.richText(e.Elements...)
		default:
			k.want(false, "unsupported rich text: %s", e.RichTextElementType())
		}
	}
}

func (k *checker) leaves(all []slack.RichTextSectionElement) {
	for _, e := range all {
		switch e := e.(type) {
		case *slack.RichTextSectionTextElement:
			k.want(e.Text != "", "rich text without text")
			k.total += utf8.RuneCountInString(e.Text)
		case *slack.RichTextSectionDateElement:
			k.want(e.Timestamp != 0 && e.Format != "", "date without timestamp or format")
		case *slack.RichTextSectionLinkElement, *slack.RichTextSectionUserElement:
		default:
			k.want(false, "unsupported rich text: %s", e.RichTextSectionElementType())
		}
	}
}

func hasRichText(raw json.RawMessage) bool {
	var blocks slack.Blocks
	_ = json.Unmarshal(raw, &blocks) // checked before
	return slices.ContainsFunc(blocks.BlockSet, func(b slack.Block) bool { return b.BlockType() == slack.MBTRichText })
}
