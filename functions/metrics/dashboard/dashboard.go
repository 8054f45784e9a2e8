// Package dashboard renders Metrics' pages: the dashboard, which answers on-call's
// questions in the order in which they are asked, and the frame of the playbooks.
//
// Without JavaScript a page says everything in words and tables. The script draws the
// charts, shows times in the viewer's zone, and replaces the page's content when it has
// changed.
package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"path"
	"sync"
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

// Render returns the dashboard.
func Render(v View) ([]byte, error) { return execute("dashboard.html", &v) }

// Playbook returns a playbook in the pages' frame. Its address lies one level below.
func Playbook(title string, body template.HTML) ([]byte, error) {
	return execute("playbook.html", struct {
		Title string
		Body  template.HTML
	}{title, body})
}

func execute(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := pages().ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	return b.Bytes(), nil
}
