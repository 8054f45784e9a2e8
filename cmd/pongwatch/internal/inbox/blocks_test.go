package inbox

import (
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// drawn is a message's body as the page draws it.
func drawn(t *testing.T, m Slack) string {
	t.Helper()
	all, err := blocks(m)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, b := range all {
		if err := pageTemplate.ExecuteTemplate(&out, "block", b); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestMrkdwn(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"bold at the borders of words", "*bold*, a*b*c * d *", "<strong>bold</strong>, a*b*c * d *"},
		{"Slack's escapes come out as the characters", "*&lt;b&gt;* a &lt; b &amp;&amp; c &gt; d", "<strong>&lt;b&gt;</strong> a &lt; b &amp;&amp; c &gt; d"},
		{"a link", "<https://a.example/|A &amp; B>", `<a href="https://a.example/" rel="noopener noreferrer" target="_blank">A &amp; B</a>`},
		{"a link without a label", "<https://a.example/?x=1&amp;y=2>", `<a href="https://a.example/?x=1&amp;y=2" rel="noopener noreferrer" target="_blank">https://a.example/?x=1&amp;y=2</a>`},
		{"a script is not a link", "<javascript:alert(1)|click>", "click"},
		{"mentions", "<!here> <@U123> <!subteam^S1>", `<span class="mention">@here</span> <span class="mention">@U123</span> <span class="mention">@S1</span>`},
		{"lines", "a\nb", "a\nb"},
		{"a date that is not a date", "<!date^x^{time}|at noon>", "at noon"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := drawn(t, Slack{Text: tt.in}); got != "<p>"+tt.want+"</p>" {
				t.Errorf("%q is drawn as\n     %s\nwant <p>%s</p>", tt.in, got, tt.want)
			}
		})
	}
}

func TestDateIsThatOfThisMachine(t *testing.T) {
	got := drawn(t, Slack{Text: "<!date^1772366400^{date_short_pretty} {time_secs}|2026-03-01 12:00 UTC>"})
	if want := `<p><time datetime="2026-03-01T12:00:00Z" title="2026-03-01 12:00 UTC">`; !strings.HasPrefix(got, want) || strings.Contains(got, "{") {
		t.Errorf("date %s, want %s and the time in this machine's zone", got, want)
	}
}

func TestBlocks(t *testing.T) {
	tests := []struct{ name, blocks, want string }{
		{
			"a numbered list",
			`[{"type":"rich_text","elements":[{"type":"rich_text_list","style":"ordered","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"one","style":{"bold":true}},{"type":"text","text":"ls","style":{"code":true}}]}]}]}]`,
			"<ol><li><strong>one</strong><code>ls</code></li></ol>",
		},
		{"a block that is not drawn is named", `[{"type":"video"}]`, "<p><em>(a block of type video)</em></p>"},
		{
			"controls",
			`[{"type":"actions","elements":[{"type":"button","style":"primary","text":{"type":"plain_text","text":"Acknowledge"}},{"type":"static_select","placeholder":{"type":"plain_text","text":"Silence for …"}}]}]`,
			`<p class="actions"><span class="button primary">Acknowledge</span> <span class="button">Silence for … ▾</span> </p>`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := drawn(t, Slack{Blocks: json.RawMessage(tt.blocks)}); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
	if _, err := blocks(Slack{Blocks: json.RawMessage(`{`)}); err == nil {
		t.Error("unreadable blocks are drawn")
	}
}

// FuzzDraw holds that whatever arrives, only the page's own few tags come out.
func FuzzDraw(f *testing.F) {
	for _, seed := range []string{
		"*a* <https://x|y> `c` <!date^1^{time}|f>", "<script>alert(1)</script>", "*<b>*", "</time><img src=x onerror=y>",
		`<https://x" onclick="alert(1)|y>`, "<!date^1^<b>|\"><script>>", "\U000F0000\U000F0001 `x`", "&lt;script&gt;", "```<```<b>```",
	} {
		f.Add(seed)
	}
	allowed := map[string]string{
		"p": "class", "strong": "", "em": "", "ul": "class", "li": "", "a": "href rel target", "span": "class", "time": "datetime title",
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text)
		if err != nil {
			return
		}
		q := string(quoted)
		blocks := `[{"type":"section","text":{"type":"mrkdwn","text":` + q + `},"fields":[{"type":"plain_text","text":` + q + `}]},
			{"type":"actions","elements":[{"type":"button","style":"primary","text":{"type":"plain_text","text":` + q + `}}]},
			{"type":"x` + q[1:] + `},
			{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"link","url":` + q + `,"text":` + q + `},{"type":"emoji","name":` + q + `},{"type":"user","user_id":` + q + `},{"type":"date","timestamp":1,"format":` + q + `,"fallback":` + q + `}]}]}]`
		out := drawn(t, Slack{Text: text}) + drawn(t, Slack{Blocks: json.RawMessage(blocks)})
		z := html.NewTokenizer(strings.NewReader(out))
		for {
			kind := z.Next()
			if kind == html.ErrorToken {
				return
			}
			token := z.Token()
			if kind == html.TextToken {
				continue
			}
			attributes, ok := allowed[token.Data]
			if !ok {
				t.Fatalf("%q came out as <%s> in %s", text, token.Data, out)
			}
			for _, a := range token.Attr {
				if !strings.Contains(" "+attributes+" ", " "+a.Key+" ") {
					t.Fatalf("%q came out as <%s %s=…> in %s", text, token.Data, a.Key, out)
				}
				if a.Key == "href" && !strings.HasPrefix(a.Val, "http:") && !strings.HasPrefix(a.Val, "https:") {
					t.Fatalf("%q came out as a link to %q", text, a.Val)
				}
			}
		}
	})
}
