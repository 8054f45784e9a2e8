package inbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/access"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sample() Inbox {
	return Inbox{
		Slack: []Slack{{
			Channel: "#redis-alerts", ID: "1772366400.000100", At: noon, Edits: 2, EditedAt: noon.Add(time.Minute),
			Text: "🔴 CRITICAL demo: wrong token",
			Blocks: json.RawMessage(`[
				{"type":"header","text":{"type":"plain_text","text":"🔴 Redis DOWN · demo"}},
				{"type":"section","text":{"type":"mrkdwn","text":"*Impact:* every call fails <https://example.com/runbook|Runbook>"},"fields":[{"type":"mrkdwn","text":"*Since*\n12:00"}]},
				{"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"text","text":"<b>WRONGPASS</b>"}]}]},
				{"type":"actions","elements":[{"type":"button","style":"primary","text":{"type":"plain_text","text":"Acknowledge"}}]},
				{"type":"context","elements":[{"type":"plain_text","text":"INC-7F3A9K"}]}]`),
			Thread: []Slack{{Channel: "#redis-alerts", ID: "1772366460.000200", At: noon.Add(time.Minute), Text: "✅ Recovered after *1 m*", Broadcast: true}},
		}},
		Mail: []Mail{
			{From: "pongwatch@example.com", To: "a@example.com", Subject: "Redis down: demo", At: noon, MessageID: "<1@x>", Text: "wrong token", HTML: "<html><head></head><h1>wrong token</h1></html>"},
			{From: "pongwatch@example.com", To: "b@example.com", Subject: "Redis down: demo", At: noon, MessageID: "<2@x>", Text: "wrong token"},
			{From: "pongwatch@example.com", To: "a@example.com", Subject: "Re: Redis down: demo", At: noon, MessageID: "<3@x>", InReplyTo: "<1@x>", References: []string{"<1@x>"}, Text: "recovered"},
		},
	}
}

func mounted(read func() Inbox, demo *Demo) http.Handler {
	mux := access.NewMux("")
	Mount(mux, access.Anyone(), read, demo)
	return mux
}

func serving(t *testing.T, demo *Demo) func(path string, header ...string) (*http.Response, string) {
	t.Helper()
	server := httptest.NewServer(mounted(sample, demo))
	t.Cleanup(server.Close)
	return func(path string, header ...string) (*http.Response, string) {
		req, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
}

func TestPage(t *testing.T) {
	get := serving(t, &Demo{Modes: []Mode{{"none", "Healthy", "All is well."}, {"auth", "Wrong token", "An alert within 15 s."}}, Current: func() string { return "auth" }})
	resp, body := get("/inbox")
	for _, want := range []string{
		"<h3>🔴 Redis DOWN · demo</h3>",
		`<strong>Impact:</strong> every call fails <a href="https://example.com/runbook" rel="noopener noreferrer" target="_blank">Runbook</a>`,
		"<pre>&lt;b&gt;WRONGPASS&lt;/b&gt;</pre>",
		`<span class="button primary">Acknowledge</span>`,
		"(edited 2 times",
		"1 reply", "also sent to the channel", "Recovered after <strong>1 m</strong>",
		`src="/inbox/mail/0"`,
		`action="/demo/break?mode=auth"><button aria-pressed="true">Wrong token</button>`,
		"An alert within 15 s.",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, unwanted := range []string{"style=\"", "<b>WRONGPASS", "onclick", "All is well."} {
		if strings.Contains(body, unwanted) {
			t.Errorf("the page holds %s", unwanted)
		}
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") {
		t.Errorf("policy %q, want nothing but the page's own script and style", policy)
	}
	if n := strings.Count(body, `class="conversation"`); n != 2 {
		t.Errorf("%d mail conversations, want one for each recipient", n)
	}

	again, _ := get("/inbox", "If-None-Match", resp.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("status code %d for an unchanged page, want 304", again.StatusCode)
	}

	if _, body := serving(t, nil)("/inbox"); strings.Contains(body, "/demo/break") {
		t.Error("there are buttons where nothing is demonstrated")
	}
}

func TestData(t *testing.T) {
	_, body := serving(t, nil)("/inbox.json")
	var got Inbox
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := sample()
	// Indentation does not change what the blocks say.
	got.Slack[0].Blocks, want.Slack[0].Blocks = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inbox.json (-want +got):\n%s", diff)
	}

	server := httptest.NewServer(mounted(func() Inbox { return Inbox{} }, nil))
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/inbox.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	empty, _ := io.ReadAll(resp.Body)
	if want := "{\n  \"slack\": [],\n  \"mail\": []\n}\n"; string(empty) != want {
		t.Errorf("empty inbox %s, want %s", empty, want)
	}
}

func TestMailFrame(t *testing.T) {
	get := serving(t, nil)
	resp, body := get("/inbox/mail/0")
	if body != `<html><head><base target="_blank"></head><h1>wrong token</h1></html>` ||
		!strings.HasPrefix(resp.Header.Get("Content-Security-Policy"), "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'") {
		t.Errorf("frame %q under %q, want the mail in a sandbox, its links opening elsewhere", body, resp.Header.Get("Content-Security-Policy"))
	}
	for _, path := range []string{"/inbox/mail/3", "/inbox/mail/-1", "/inbox/mail/x"} {
		if resp, _ := get(path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status code %d, want 404", path, resp.StatusCode)
		}
	}
	for path, kind := range map[string]string{"/inbox/inbox.css": "text/css", "/inbox/inbox.js": "text/javascript", "/inbox/icon.svg": "image/svg+xml"} {
		if resp, _ := get(path); resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: %s %s, want 200 and %s", path, resp.Status, resp.Header.Get("Content-Type"), kind)
		}
	}
}
