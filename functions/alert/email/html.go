package email

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"sync"

	"github.com/pongwatch/pongwatch/functions/alert/message"
)

//go:embed mail.html.tmpl
var source string

// page is parsed on first use: most instances never send a mail.
var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("mail").Funcs(template.FuncMap{"colour": colour, "labels": labels}).Parse(source))
})

// HTML returns the mail's HTML part. It needs no image, font or script from
// anywhere; what came from outside is escaped by html/template.
func HTML(m message.Message) (string, error) {
	var b strings.Builder
	if err := page().Execute(&b, m); err != nil {
		return "", fmt.Errorf("rendering a mail: %w", err)
	}
	return b.String(), nil
}

// labels are the words that all receivers use.
func labels() map[string]string {
	return map[string]string{
		"impact": message.LabelImpact, "first": message.LabelFirst, "evidence": message.LabelEvidence, "cause": message.LabelCause,
		"fix": message.LabelFix, "next": message.LabelNext, "members": message.LabelMembers, "trend": message.LabelTrend,
	}
}

// colour is of the bar above the headline. Each stands out against white and is
// told by the symbol and the words as well.
func colour(m message.Message) template.CSS {
	switch {
	case m.State == message.Resolved:
		return "#1a7f37"
	case m.State == message.Gone, m.State == message.Silenced:
		return "#6e7781"
	case m.State == message.Acknowledged:
		return "#9a6700"
	case m.Severity == "critical" && !m.Drill:
		return "#a30200"
	}
	return "#bc4c00"
}
