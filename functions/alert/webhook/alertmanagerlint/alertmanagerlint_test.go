// Package alertmanagerlint holds what the format "alertmanager" posts, as its golden files
// have it, to Alertmanager's own types and templates. It is a module of its own: what it
// needs is never deployed, and would move versions of what is.
package alertmanagerlint

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/alertmanager/notify/webhook"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"
)

// payloads reads each golden file strictly into Alertmanager's own message: a key that
// Alertmanager does not have is an error.
func payloads(t *testing.T) map[string]webhook.Message {
	t.Helper()
	files, err := filepath.Glob("../testdata/alertmanager/*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	all := map[string]webhook.Message{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var m webhook.Message
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&m); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[filepath.Base(file)] = m
	}
	return all
}

func TestAlertmanagerReadsEveryField(t *testing.T) {
	fingerprint := regexp.MustCompile(`^[0-9a-f]{16}$`)
	for name, m := range payloads(t) {
		if m.Version != "4" || m.GroupKey == "" || m.Receiver == "" || len(m.Alerts) == 0 {
			t.Errorf("%s: %+v", name, m)
		}
		if _, err := url.ParseRequestURI(m.ExternalURL); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// The status of the whole is firing as long as one alert fires.
		status := "resolved"
		if len(m.Alerts.Firing()) > 0 {
			status = "firing"
		}
		if m.Status != status || len(m.Alerts.Firing())+len(m.Alerts.Resolved()) != len(m.Alerts) {
			t.Errorf("%s: status %q with %d of %d firing", name, m.Status, len(m.Alerts.Firing()), len(m.Alerts))
		}
		for _, a := range m.Alerts {
			labels := model.LabelSet{}
			for k, v := range a.Labels {
				labels[model.LabelName(k)] = model.LabelValue(v)
			}
			for k := range a.Annotations {
				labels[model.LabelName(k)] = "annotation"
			}
			if err := labels.Validate(); err != nil || a.Labels[model.AlertNameLabel] == "" {
				t.Errorf("%s: labels %v: %v", name, a.Labels, err)
			}
			if !fingerprint.MatchString(a.Fingerprint) || a.StartsAt.IsZero() || a.EndsAt.IsZero() != (a.Status == "firing") || !a.EndsAt.IsZero() && a.EndsAt.Before(a.StartsAt) {
				t.Errorf("%s: %+v", name, a)
			}
			for k, v := range m.CommonLabels {
				if a.Labels[k] != v {
					t.Errorf("%s: common label %s=%s is not on %v", name, k, v, a.Labels)
				}
			}
			for k, v := range m.CommonAnnotations {
				if a.Annotations[k] != v {
					t.Errorf("%s: common annotation %s is not on every alert", name, k)
				}
			}
		}
	}
}

// What products make of a payload with Alertmanager's default templates says what is wrong.
func TestDefaultTemplatesRender(t *testing.T) {
	tmpl, err := template.FromGlobs(nil)
	if err != nil {
		t.Fatal(err)
	}
	tmpl.ExternalURL, err = url.Parse("https://alertmanager.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range payloads(t) {
		for _, use := range []string{"email.default.subject", "slack.default.title", "pagerduty.default.description", "opsgenie.default.message"} {
			text, err := tmpl.ExecuteTextString(`{{ template "`+use+`" . }}`, m.Data)
			if err != nil {
				t.Errorf("%s: %s: %v", name, use, err)
				continue
			}
			if want := m.Alerts[0].Labels["alertname"]; !strings.Contains(text, want) {
				t.Errorf("%s: %s gives %q without %s", name, use, text, want)
			}
		}
		page, err := tmpl.ExecuteHTMLString(`{{ template "email.default.html" . }}`, m.Data)
		if err != nil || !strings.Contains(page, "prod-") {
			t.Errorf("%s: a mail of %d bytes, %v", name, len(page), err)
		}
	}
}
