package metrics

import (
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"sync"

	"github.com/pongwatch/pongwatch/docs/playbooks"
	"github.com/pongwatch/pongwatch/shared/cause"
)

// playbook answers with the page of a cause. It is Markdown of the plainest kind, so
// it is served as text, which every phone shows.
func playbook(w http.ResponseWriter, r *http.Request) {
	c, known := cause.Parse(r.PathValue("cause"))
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "max-age=300")
	if !known {
		w.WriteHeader(http.StatusNotFound)
	}
	//nolint:gosec // an embedded page, served as text: nothing of the request is in it
	_, _ = io.WriteString(w, playbooks.Markdown(c)) // a reader who has left is no failure
}

// page lists what is here. It is parsed when it is first asked for, not at start.
var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("index").Parse(indexPage))
})

const indexPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>pongwatch</title>
<h1>pongwatch</h1>
<p>Watched:{{range .Databases}} <a href="api/v1/admin/redis-metrics?database={{.Name}}">{{.Name}}</a>{{end}}</p>
<ul>
<li><a href="api/v1/admin/redis-metrics">All statistics</a> as JSON</li>
</ul>
<h2>Playbooks</h2>
<ul>
{{range .Causes}}<li><a href="playbooks/{{.Cause}}">{{.Title}}</a></li>
{{end}}</ul>
</html>
`

func (f *Function) index(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	data := struct {
		Databases any
		Causes    []cause.Info
	}{Databases: f.config.Databases}
	for _, c := range cause.All() {
		data.Causes = append(data.Causes, c.Info())
	}
	if err := page().Execute(w, data); err != nil {
		f.log.WarnContext(r.Context(), "index page not written", slog.String("event", "page_failed"), slog.Any("error", err))
	}
}
