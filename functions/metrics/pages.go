package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/pongwatch/pongwatch/docs/playbooks"
	"github.com/pongwatch/pongwatch/functions/metrics/dashboard"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

const page = "text/html; charset=utf-8"

// The script asks for news as often as pings are made, within these bounds.
const (
	minRefresh = 2 * time.Second
	maxRefresh = 30 * time.Second
)

// playbook answers with the page of a cause.
func (f *Function) playbook(w http.ResponseWriter, r *http.Request) {
	c, known := cause.Parse(r.PathValue("cause"))
	status := http.StatusOK
	if !known {
		status = http.StatusNotFound
	}
	body, err := dashboard.Playbook(c.Info().Title, playbooks.HTML(c))
	w.Header().Set("Cache-Control", "max-age=300")
	f.page(w, r, status, body, err)
}

// dashboard answers with the page that on-call looks at.
func (f *Function) dashboard(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), reading)
	defer cancel()
	q, ok := f.query(w, r)
	if !ok || f.unchanged(ctx, w, r) {
		return
	}
	all := q
	all.Database, all.Step = "", 0
	v := dashboard.View{
		Query: q, Refresh: min(maxRefresh, max(minRefresh, f.config.Every(report.HealthCheck))),
		LateAfter: f.config.Alerting.Missing.After(f.config.Every(report.HealthCheck)),
	}
	status := http.StatusOK
	var err error
	if v.All, err = f.reader.Read(ctx, all); err != nil {
		status = http.StatusServiceUnavailable
		w.Header().Del("ETag")
	}
	if cards := v.Cards(); len(cards) > 0 {
		// Whoever has not chosen sees the database that needs attention most.
		v.Selected = cards[0].Name
	}
	one := q
	if q.Database != "" {
		v.Selected = q.Database
	}
	if one.Database = v.Selected; one.Database != "" && err == nil {
		if v.One, err = f.reader.Read(ctx, one); errors.Is(err, statistics.ErrNothing) {
			v.One = nil
		}
	}
	body, err := dashboard.Render(v)
	f.page(w, r, status, body, err)
}

func (f *Function) page(w http.ResponseWriter, r *http.Request, status int, body []byte, err error) {
	if err != nil {
		f.log.ErrorContext(r.Context(), "page not rendered", slog.String("event", "page_failed"), slog.Any("error", err))
		job.WriteError(w, http.StatusInternalServerError, "the page could not be rendered")
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", dashboard.Policy)
	h.Set("Referrer-Policy", "same-origin")
	write(w, r, status, page, body)
}

// asset answers with a file of the pages. Its address changes with its content.
func asset(w http.ResponseWriter, r *http.Request) {
	a, ok := dashboard.Find(r.PathValue("name"))
	if !ok {
		notFound.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	write(w, r, http.StatusOK, a.ContentType, a.Data)
}
