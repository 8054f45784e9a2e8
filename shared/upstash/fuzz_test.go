package upstash

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// FuzzReply reads what may come in place of a reply.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		`{"result":"OK"}`, `{"result":null}`, `{"result":9007199254740993}`, `{"result":1e400}`, `{"result":["MTI=",["a2V5",null,[1]]]}`,
		`{"result":"not base64"}`, `{"result":{"a":1}}`, `{"result":true}`, `{"error":"ERR"}`, `[{"result":1}]`, `{"result":`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseReply(body)
		if err != nil {
			return
		}
		// A reply is exactly one of the kinds that it says it is.
		_, errText := r.Text()
		_, errArray := r.Array()
		kinds := 0
		for _, is := range []bool{r.IsNil(), errText == nil, errArray == nil} {
			if is {
				kinds++
			}
		}
		if kinds != 1 {
			t.Errorf("%s is of %d kinds", body, kinds)
		}
	})
}

// FuzzOutcome judges any answer, and looks for the token in what is said about it.
func FuzzOutcome(f *testing.F) {
	f.Add(200, "application/json", []byte(`{"result":"PONG"}`), true)
	f.Add(401, "application/json", []byte(`{"error":"WRONGPASS `+testToken+`"}`), true)
	f.Add(502, "text/html", []byte("<html>"+url.QueryEscape(testToken)+"\x1b[31m\u202e"), false)
	f.Add(400, "application/json", []byte(`{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500002."}`), false)
	f.Add(200, "", []byte("[1,2"), false)
	base := &url.URL{Scheme: "https", Host: "us1-merry-cat-32748.upstash.io", Path: "/"}
	r := newRedactor(testToken, base)
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte, ping bool) {
		o := Outcome{Phase: PhaseRead, Status: status, ContentType: contentType, Body: body, Ping: ping}
		c := Classify(o)
		if c == "" {
			if status < 200 || status > 299 || !json.Valid(body) {
				t.Errorf("HTTP %d with %q is good", status, body)
			}
			return
		}
		if _, known := cause.Parse(string(c)); !known || c == cause.Unknown {
			t.Errorf("cause %q of an answer", c)
		}
		e := newError("ping", o, r)
		if len(e.Evidence) > maxEvidence || !utf8.ValidString(e.Evidence) || strings.ContainsFunc(e.Evidence, func(r rune) bool { return !unicode.IsPrint(r) && r != utf8.RuneError }) {
			t.Errorf("evidence %q", e.Evidence)
		}
		if strings.Contains(e.Error(), strings.TrimRight(testToken, "=")) || strings.Contains(e.Error(), base.Host) {
			t.Errorf("a secret is in %q", e)
		}
	})
}

// FuzzErrorText reads what may stand in "error".
func FuzzErrorText(f *testing.F) {
	for _, seed := range []string{
		"WRONGPASS invalid or missing auth token.", "Unauthorized", "", "ERR", "ERR ", "NOPERM", "READONLY Writes",
		"ERR max requests limit exceeded. Limit: 500000, Usage: 500002. See", "ERR max daily request limit exceeded. Limit: , Usage: 1",
		"ERR DB capacity quota exceeded. Threshold: 268435456 bytes, Usage: 274604636 bytes.", "ERR Command \"MULTI\" is not allowed in REST",
		"Limit: 99999999999999999999, Usage: -1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c := classifyText(text); c.Info().Cause != c || c == cause.Unknown {
			t.Errorf("%q is %q", text, c)
		}
		if u := usage(text); strings.Contains(u, "-") || u != "" && !strings.Contains(u, " of ") {
			t.Errorf("%q has the usage %q", text, u)
		}
	})
}
