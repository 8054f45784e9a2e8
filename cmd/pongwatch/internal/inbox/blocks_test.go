package inbox

import (
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestMrkdwn(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"emphasis at the borders of words", "*bold* _it_ ~gone~ a*b*c snake_case_name", "<strong>bold</strong> <em>it</em> <s>gone</s> a*b*c snake_case_name"},
		{"emphasis around a link", "*<https://a.example|A & B>*", `<strong><a href="https://a.example" rel="noopener noreferrer" target="_blank">A &amp; B</a></strong>`},
		{"nothing inside code", "`*x* &lt;b&gt;` ```\n<@U1> *y*\n```", "<code>*x* &lt;b&gt;</code> <pre>&lt;@U1&gt; *y*</pre>"},
		{"Slack's escapes come out as the characters", "a &lt; b &amp;&amp; c &gt; d", "a &lt; b &amp;&amp; c &gt; d"},
		{"a link without a label", "<https://a.example/?x=1&amp;y=2>", `<a href="https://a.example/?x=1&amp;y=2" rel="noopener noreferrer" target="_blank">https://a.example/?x=1&amp;y=2</a>`},
		{"a script is no link", "<javascript:alert(1)|click>", "click"},
		{"mentions", "<!here> <@U123> <!subteam^S1|@oncall>", `<span class="mention">@here</span> <span class="mention">@U123</span> <span class="mention">@oncall</span>`},
		{"emoji by name, unknown ones as they are", ":red_circle: :nonsense: 12:30:45", "🔴 :nonsense: 12:30:45"},
		{"lines", "a\nb", "a<br>b"},
		{"a date that is no date", "<!date^x^{time}|at noon>", "at noon"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mrkdwn(tt.in); got != tt.want {
				t.Errorf("mrkdwn(%q)\n got %s\nwant %s", tt.in, got, tt.want)
			}
		})
	}
}

func TestMrkdwnDate(t *testing.T) {
	got := mrkdwn("<!date^1772366400^{date_num} at {time}|2026-03-01 12:00 UTC>")
	if want := `<time datetime="2026-03-01T12:00:00Z" title="2026-03-01 12:00 UTC">`; !strings.HasPrefix(got, want) || strings.Contains(got, "{") {
		t.Errorf("date %s, want %s and the time in this machine's zone", got, want)
	}
}

func TestDrawMessage(t *testing.T) {
	tests := []struct {
		name string
		in   Slack
		want string
	}{
		{"text where there are no blocks", Slack{Text: "*down*"}, "<p><strong>down</strong></p>"},
		{
			"a numbered list",
			Slack{Blocks: json.RawMessage(`[{"type":"rich_text","elements":[{"type":"rich_text_list","style":"ordered","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"one","style":{"bold":true}}]}]}]}]`)},
			"<ol><li><strong>one</strong></li></ol>",
		},
		{"a block that is not drawn is named", Slack{Blocks: json.RawMessage(`[{"type":"video"}]`)}, "<p><em>(a block of type video)</em></p>"},
		{
			"a button with an address is a link",
			Slack{Blocks: json.RawMessage(`[{"type":"actions","elements":[{"type":"button","url":"https://a.example","text":{"type":"plain_text","text":"Open"}}]}]`)},
			`<p class="actions"><a href="https://a.example" rel="noopener noreferrer" target="_blank"><span class="button">Open</span></a></p>`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(drawMessage(tt.in)); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
	if got := string(drawMessage(Slack{Blocks: json.RawMessage(`{`)})); !strings.Contains(got, "Slack would refuse these blocks") {
		t.Errorf("unreadable blocks drawn as %s, want the problem", got)
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
		"p": "class", "h3": "", "strong": "", "em": "", "s": "", "code": "", "pre": "", "br": "", "hr": "", "blockquote": "", "ul": "class", "ol": "", "li": "",
		"a": "href rel target", "span": "class", "time": "datetime title", "div": "class",
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text)
		if err != nil {
			return
		}
		q := string(quoted)
		blocks := `[{"type":"section","text":{"type":"mrkdwn","text":` + q + `},"fields":[{"type":"plain_text","text":` + q + `}]},
			{"type":"actions","elements":[{"type":"button","style":` + q + `,"url":` + q + `,"text":{"type":"plain_text","text":` + q + `}}]},
			{"type":` + q + `},
			{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"link","url":` + q + `,"text":` + q + `},{"type":"emoji","name":` + q + `},{"type":"user","user_id":` + q + `},{"type":"date","timestamp":1,"format":` + q + `,"fallback":` + q + `}]}]}]`
		out := string(drawMessage(Slack{Text: text, Blocks: json.RawMessage(blocks)}))
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
				if a.Key == "href" && !strings.HasPrefix(a.Val, "http:") && !strings.HasPrefix(a.Val, "https:") && !strings.HasPrefix(a.Val, "mailto:") {
					t.Fatalf("%q came out as a link to %q", text, a.Val)
				}
			}
		}
	})
}
