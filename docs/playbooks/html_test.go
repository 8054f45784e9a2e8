package playbooks

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
)

func TestRendering(t *testing.T) {
	const page = "# A & B\n\n`x` · y\n\n## Fix\n\n1. Look at https://status.upstash.com.\n2. See [mock](mock.md).\n\nTwo\nlines:\n```\ncurl \"$URL\" <a>\n\n# no heading\n```\nAfter.\n"
	const want = `<h1>A &amp; B</h1>
<p><code>x</code> · y
</p>
<h2>Fix</h2>
<ol><li>Look at <a href="https://status.upstash.com">https://status.upstash.com</a>.</li>
<li>See <a href="mock">mock</a>.</li>
</ol>
<p>Two
lines:
</p>
<pre><code>curl &#34;$URL&#34; &lt;a&gt;

# no heading
</code></pre>
<p>After.
</p>
`
	if diff := cmp.Diff(want, render(page)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestEveryPageIsRenderedWhole parses each page: elements are closed, and no Markdown
// is left over outside code.
func TestEveryPageIsRenderedWhole(t *testing.T) {
	leftover := regexp.MustCompile("(?m)`|\\]\\(|^#|\\*\\*|^- ")
	for _, c := range cause.All() {
		var text strings.Builder
		inCode := 0
		d := xml.NewDecoder(strings.NewReader("<page>" + string(HTML(c)) + "</page>"))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", c, err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				if token.Name.Local == "code" {
					inCode++
				}
			case xml.EndElement:
				if token.Name.Local == "code" {
					inCode--
				}
			case xml.CharData:
				if inCode == 0 {
					text.Write(token)
				}
			}
		}
		if m := leftover.FindString(text.String()); m != "" {
			t.Errorf("%s: %q is left of the Markdown", c, m)
		}
		if !strings.Contains(text.String(), c.Info().Title) {
			t.Errorf("%s: the title is missing", c)
		}
	}
}
