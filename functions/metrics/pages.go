package metrics

import (
	"cmp"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/docs/playbooks"
	"github.com/pongwatch/pongwatch/functions/metrics/dashboard"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

// The script asks for a new page as often as databases are pinged, within these bounds.
const (
	minRefresh = 2 * time.Second
	maxRefresh = 30 * time.Second
)

// frame is what every page has around its content. Links in it are relative, because the
// function may stand below a path of its own.
func (f *Function) frame(r *http.Request) dashboard.Frame {
	const deepest = 16
	return dashboard.Frame{Root: cmp.Or(strings.Repeat("../", min(deepest, max(0, strings.Count(r.URL.Path, "/")-1))), "./"), Links: f.options.Links}
}

// playbook answers with the page of a cause.
func (f *Function) playbook(w http.ResponseWriter, r *http.Request) {
	c, known := cause.Parse(r.PathValue("cause"))
	status := http.StatusOK
	if !known {
		status = http.StatusNotFound
	}
	w.Header().Set("Cache-Control", "max-age=300")
	f.answer(w, r, page(status, dashboard.Page{Frame: f.frame(r), Title: c.Info().Title, Body: playbooks.HTML(c)}))
}

// playbooks answers with the list of all.
func (f *Function) playbooks(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=300")
	f.answer(w, r, page(http.StatusOK, dashboard.Page{Frame: f.frame(r), Title: "Playbooks", Causes: cause.All()}))
}

// say answers a browser with a page, and a program with JSON.
func (f *Function) say(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	if !browser(r) {
		job.WriteError(w, status, text)
		return
	}
	f.answer(w, r, page(status, dashboard.Page{Frame: f.frame(r), Title: title, Text: text}))
}

func browser(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// notFound answers for every path that there is not.
func (f *Function) notFound(w http.ResponseWriter, r *http.Request) {
	if browser(r) {
		f.say(w, r, http.StatusNotFound, "Nothing is here", "This address has no page.")
		return
	}
	notFound.ServeHTTP(w, r)
}

func page(status int, v dashboard.Content) *answer {
	return &answer{
		status: status, contentType: "text/html; charset=utf-8",
		headers: map[string]string{"Content-Security-Policy": dashboard.Policy, "Referrer-Policy": "same-origin"},
		encode:  func(w io.Writer) error { return dashboard.Render(w, v) },
	}
}

// dashboard answers with the page that on-call looks at.
func (f *Function) dashboard(r *http.Request, q statistics.Query) *answer {
	every := f.config.Every(report.HealthCheck)
	v := dashboard.View{
		Frame: f.frame(r), Query: q, Selected: q.Database, LateAfter: f.config.Alerting.Missing.After(every),
		Refresh: min(maxRefresh, max(minRefresh, every)), Silences: f.config.Alerting.Silences,
	}
	v.By, v.MayAct = f.actor(r)
	asked := r.URL.Query()
	v.Asked = dashboard.Asked{Action: report.Action(asked.Get("asked")), Incident: asked.Get("incident"), Command: asked.Get("command")}
	var err error
	v.All, v.One, err = f.reader.Page(r.Context(), statistics.Query{Range: q.Range, Step: q.Step}, func(all *statistics.Statistics) (string, []string) {
		v.All = all
		shown := v.Shown()
		if v.Selected == "" { // the database that needs attention most
			v.Selected = slices.Concat(shown, v.Cards())[0].Name
		}
		var listed []string
		for _, d := range shown {
			listed = append(listed, d.Name)
		}
		return v.Selected, listed
	})
	return page(statusOf(err), &v)
}

// asset answers with a file of the pages. Its address changes with its content.
func (f *Function) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := dashboard.Find(r.PathValue("name"))
	if !ok {
		notFound.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	f.answer(w, r, whole(http.StatusOK, a.ContentType, a.Data))
}
