package message

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/text"
)

// What signed links and buttons say besides an incident, and the paths below AlertWebhook's address.
const (
	// LinkPurpose is the purpose of signed links to PathIncident.
	LinkPurpose = "incident"
	// AnyLife is the reopen count of what has only one life: a group.
	AnyLife = -1

	PathIncident = "/incident"           // confirmation page of a signed link
	PathSlack    = "/slack/interactions" // buttons of Slack messages
	PathEvents   = "/events"             // signed events of apps
	PathVercel   = "/vercel"             // log drain of Vercel
)

// Control identifies an incident, and one life of it, to the handler of a button.
type Control struct {
	Shard, Incident string
	// Reopened is the incident's reopen count, or AnyLife.
	Reopened int
}

// errControl says that a text is no Control.
var errControl = errors.New("malformed control")

// String returns the value of a button; ParseControl is its inverse.
func (c Control) String() string {
	return strings.Join([]string{"1", c.Shard, c.Incident, strconv.Itoa(c.Reopened)}, "|")
}

// ParseControl reads what String made. The text comes from outside.
func ParseControl(s string) (Control, error) {
	parts := strings.Split(s, "|")
	if len(s) > 255 || len(parts) != 4 || parts[0] != "1" || parts[2] == "" {
		return Control{}, errControl
	}
	n, err := strconv.Atoi(parts[3])
	if err != nil || n < AnyLife || strconv.Itoa(n) != parts[3] {
		return Control{}, errControl
	}
	for _, r := range parts[1] + parts[2] {
		if r <= ' ' || r >= 0x7f {
			return Control{}, errControl
		}
	}
	return Control{Shard: parts[1], Incident: parts[2], Reopened: n}, nil
}

// Life returns the reopen count for a command, nil where any life is meant.
func (c Control) Life() *int {
	if c.Reopened < 0 {
		return nil
	}
	return &c.Reopened
}

// actions returns what a reader may do about an open incident.
func (c Context) actions(m *Message, ctl Control, acknowledged bool) []Action {
	var all []Action
	if !acknowledged {
		all = append(all, Action{Kind: report.Acknowledge, Label: "Acknowledge"})
	}
	all = append(all, Action{Kind: report.Silence, Label: "Silence", Choices: c.Silences})
	for i := range all {
		all[i].Control = ctl.String()
		all[i].URL = c.signedLink(m, ctl, all[i].Kind)
	}
	return all
}

// maxAbout is what a link says of its incident, in bytes.
const maxAbout = 240

func (c Context) signedLink(m *Message, ctl Control, kind report.Action) string {
	if c.Inbound == "" || c.LinkKey.IsZero() {
		return ""
	}
	q, err := signature.SignLink(c.LinkKey, signature.Link{
		Purpose: LinkPurpose, Shard: ctl.Shard, Incident: ctl.Incident, Reopened: ctl.Reopened,
		Action: string(kind), About: text.ClipBytes(m.Headline, maxAbout), Expires: m.At.Add(signature.LinkLifetime).Truncate(time.Second),
	})
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(c.Inbound, "/") + PathIncident + "?" + q.Encode()
}

// The links that are of use also after the end.
const (
	linkPlaybook  = "Playbook"
	linkDashboard = "Dashboard"
)

// links returns the addresses that help with an incident.
func (c Context) links(values map[string]string, withStatus bool) []Link {
	templates := []Link{{linkPlaybook, c.Playbook}, {linkDashboard, c.Dashboard}, {"Upstash console", c.Console}, {"Logs", c.Logs}}
	if withStatus {
		templates = append(templates, Link{"Upstash status", c.Status})
	}
	var all []Link
	for _, t := range templates {
		address, ok := expand(t.URL, values)
		if base, query, _ := strings.Cut(t.URL, "?"); !ok && query != "" {
			address, ok = expand(base, values) // what leads to one database leads without its name to all of them
		}
		if ok {
			all = append(all, Link{t.Label, address})
		}
	}
	return all
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// expand fills a template. An address that lacks one of its values is incomplete, and
// left out: a link to nowhere costs trust.
func expand(template string, values map[string]string) (address string, complete bool) {
	complete = template != ""
	address = placeholder.ReplaceAllStringFunc(template, func(name string) string {
		value := values[strings.Trim(name, "{}")]
		complete = complete && value != ""
		return url.PathEscape(value)
	})
	return address, complete
}
