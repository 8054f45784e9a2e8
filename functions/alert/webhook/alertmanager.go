package webhook

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// alertmanagerMessage is the payload of Alertmanager's webhook, version 4
// (prometheus.io/docs/alerting/latest/configuration, webhook_config), which most on-call
// products take.
type alertmanagerMessage struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   uint64            `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []alertmanager    `json:"alerts"`
}

// alertmanager is one alert. Its fingerprint is the same through the life of the incident.
type alertmanager struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"` // zero while it lasts
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// The states of an alert.
const (
	firing   = "firing"
	resolved = "resolved"
)

// alerts returns a message in Alertmanager's format. The credentials are the address, and a token or
// a user's name and password.
func (o Options) alerts(m message.Message, _ message.Ref) ([]post, message.Ref) {
	var posts []post
	for _, status := range statuses(m) {
		posts = append(posts, func(credentials []secrets.Value) request {
			address, token, user, password := credentials[0], credentials[1], credentials[2], credentials[3]
			header := http.Header{}
			if token := strings.TrimSpace(token.Reveal()); token != "" {
				header.Set("Authorization", "Bearer "+token)
			} else if user := strings.TrimSpace(user.Reveal()); user != "" {
				header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+strings.TrimSpace(password.Reveal()))))
			}
			proof := func([]byte) (http.Header, error) { return header, nil }
			return request{address.Reveal(), newAlertmanagerMessage(m, o.Name, status), proof, append(outbound.Address(address), token, password)}
		})
	}
	return posts, message.Ref{ID: messageID(o.Name, m)}
}

// statuses returns what must be posted to bring the other side to where m is.
// An incident that was over before anything was sent leaves a resolved alert there.
// Alertmanager knows no acknowledge and no edit.
func statuses(m message.Message) []string {
	switch over := m.State == message.Resolved || m.State == message.Gone; {
	case over && m.Opening:
		return []string{firing, resolved}
	case over:
		return []string{resolved}
	case m.Loud, m.Event == incident.Updated && len(m.Members) > 0: // a member may be over
		return []string{firing}
	}
	return nil
}

// newAlertmanagerMessage returns the payload for a message: an alert for an incident, one
// for each member of a group. It leaves signed links out, as newEvent does.
func newAlertmanagerMessage(m message.Message, receiver, status string) alertmanagerMessage {
	p := alertmanagerMessage{
		Version: "4", GroupKey: `{}:{incident="` + m.ID + `"}`, Status: status, Receiver: receiver,
		GroupLabels: map[string]string{"incident": m.ID}, Alerts: []alertmanager{},
	}
	links := map[string]string{}
	for _, l := range m.Links {
		links[l.Label] = l.URL
	}
	p.ExternalURL = links["Dashboard"]
	annotations := map[string]string{
		"summary": m.Headline, "description": description(m), "impact": m.Impact, "changed": m.Changed, "cause": string(m.Cause), "incident": m.Short,
		"runbook_url": links["Playbook"], "dashboard_url": links["Dashboard"], "first_step": m.FirstStep(),
	}
	members := m.Members
	if len(members) == 0 {
		members = []message.Member{{
			ID: m.ID, Database: m.Database, Short: m.Short, Environment: m.Environment, Check: m.Check, Severity: m.Severity,
			Open: true, Cause: m.Cause, Since: m.Since, Until: m.Until,
		}}
	}
	for _, x := range members {
		a := alertmanager{
			Status: firing, StartsAt: x.Since.UTC(), GeneratorURL: p.ExternalURL, Fingerprint: fingerprint(x.ID), Annotations: maps.Clone(annotations),
			Labels: present(map[string]string{
				"alertname": alertName(x.Check), "database": x.Database, "environment": x.Environment, "check": string(x.Check),
				"severity": string(x.Severity), "shard": m.Shard, "incident": x.ID, "source": "pongwatch",
			}),
		}
		if m.Drill {
			a.Labels["severity"], a.Labels["drill"] = string(cause.SeverityInfo), "true"
		}
		a.Annotations["cause"], a.Annotations["incident"] = string(x.Cause), x.Short
		if status == resolved || !x.Open {
			a.Status, a.EndsAt = resolved, x.Until.UTC()
			if x.Until.IsZero() {
				a.EndsAt = m.At.UTC()
			}
		}
		a.Annotations = present(a.Annotations)
		p.Alerts = append(p.Alerts, a)
	}
	p.CommonLabels = common(p.Alerts, func(a alertmanager) map[string]string { return a.Labels })
	p.CommonAnnotations = common(p.Alerts, func(a alertmanager) map[string]string { return a.Annotations })
	return p
}

// alertName is what products show as the rule's name: "RedisPing", "RedisMockMode".
func alertName(check report.Check) string {
	var name strings.Builder
	name.WriteString("Redis")
	for word := range strings.SplitSeq(string(check), "_") {
		if word != "" {
			name.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return name.String()
}

// fingerprint has the form of Prometheus' own: 16 hexadecimal digits. It follows from the
// incident alone, because severity may rise in its life.
func fingerprint(id string) string {
	sum := sha256.Sum256([]byte("pongwatch alert " + id))
	return hex.EncodeToString(sum[:8])
}

// description is the likely cause and the steps, as text.
func description(m message.Message) string {
	lines := []string{m.News}
	if m.CauseText != "" {
		lines = append(lines, m.CauseTitle+". "+m.CauseText)
	}
	for _, step := range m.Fix {
		lines = append(append(lines, "- "+step.Text), step.Commands...)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// present leaves out what is empty, which to Prometheus is the same as missing.
func present(all map[string]string) map[string]string {
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// common returns what all alerts have alike.
func common(alerts []alertmanager, of func(alertmanager) map[string]string) map[string]string {
	all := maps.Clone(of(alerts[0]))
	for _, a := range alerts[1:] {
		maps.DeleteFunc(all, func(name, value string) bool { return of(a)[name] != value })
	}
	return all
}
