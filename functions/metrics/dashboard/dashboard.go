// Package dashboard renders Metrics' pages: the dashboard, which answers on-call's
// questions in the order in which they are asked, and the playbooks.
//
// Without JavaScript a page says everything in words and tables. The script draws the
// charts, shows times in the viewer's zone, and replaces the page's content when it has
// changed.
package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"path"
	"slices"
	"sync"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// Policy is the pages' Content-Security-Policy: nothing inline, nothing from elsewhere.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

//go:embed assets templates
var files embed.FS

// Asset is one file that pages load.
type Asset struct {
	ContentType string
	Data        []byte
}

// Find returns the asset of that path below assets/.
func Find(name string) (Asset, bool) {
	data, err := files.ReadFile(path.Join("assets", path.Clean("/"+name)))
	if err != nil {
		return Asset{}, false
	}
	return Asset{ContentType: mime.TypeByExtension(path.Ext(name)), Data: data}, true
}

// build identifies the assets, so that caches may keep them forever.
var build = sync.OnceValue(func() string {
	sum := sha256.New()
	_ = fs.WalkDir(files, "assets", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, _ := files.ReadFile(name)
			_, _ = sum.Write(data)
		}
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)[:6])
})

// pages are parsed for the first request, because parsing at start would delay every run.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(functions).ParseFS(files, "templates/*.html"))
})

// Frame is what every page has around its content.
type Frame struct {
	// Root leads to the dashboard, relative to the page's address: "./", or "../" one level below.
	Root string
	// Links lead to what else there is.
	Links []Link
}

// Link leads to a page, relative to the dashboard.
type Link struct{ Name, URL string }

// Nav are the links of every page.
func (f Frame) Nav() []Link {
	return slices.Concat([]Link{{"Dashboard", ""}, {"Playbooks", "playbooks"}}, f.Links, []Link{{"JSON", "api/v1/admin/redis-metrics"}, {"OpenMetrics", "metrics"}})
}

// Page is one without figures: a playbook, the list of them, or a sentence.
type Page struct {
	Frame
	Title, Text string
	Body        template.HTML
	Causes      []cause.Cause
}

// Content is a [*View] or a [Page].
type Content interface{ template() string }

func (*View) template() string { return "dashboard.html" }
func (Page) template() string  { return "page.html" }

// Render writes the page of v.
func Render(w io.Writer, v Content) error {
	if err := pages().ExecuteTemplate(w, v.template(), v); err != nil {
		return fmt.Errorf("rendering %s: %w", v.template(), err)
	}
	return nil
}
