package metrics

import (
	"context"
	"net/http"

	"github.com/pongwatch/pongwatch/functions/metrics/picture"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/job"
)

const svg = "image/svg+xml; charset=utf-8"

// chart draws the waits of ?database=NAME, which may be left out where there is one.
func (f *Function) chart(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), reading)
	defer cancel()
	q, ok := f.query(w, r)
	if !ok {
		return
	}
	if q.Database == "" && len(f.config.Databases) == 1 {
		q.Database = f.config.Databases[0].Name
	}
	if q.Database == "" {
		job.WriteError(w, http.StatusBadRequest, "which database? want ?database=NAME, such as "+f.config.Databases[0].Name)
		return
	}
	if f.unchanged(ctx, w, r) {
		return
	}
	s, err := f.reader.Read(ctx, q)
	if err != nil || len(s.Databases) == 0 {
		job.WriteError(w, http.StatusServiceUnavailable, "history cannot be read")
		return
	}
	d := &s.Databases[0]
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	write(w, r, http.StatusOK, svg, []byte(picture.Chart(d.Shown(q.Region).Series, d.LatencyLimitMS)))
}

// badge draws one word about ?database=NAME, or about the worst of all.
func (f *Function) badge(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), reading)
	defer cancel()
	q, ok := f.query(w, r)
	if !ok || f.unchanged(ctx, w, r) {
		return
	}
	s, err := f.reader.Read(ctx, q)
	word := statistics.NoData
	if err == nil {
		word = s.Worst()
	}
	label := "redis"
	if q.Database != "" {
		label = q.Database
	}
	tone := map[statistics.Word]picture.Tone{
		statistics.Connected: picture.Good, statistics.Degraded: picture.Caution,
		statistics.Down: picture.Bad, statistics.Mock: picture.Bad, statistics.NoData: picture.Neutral,
	}[word]
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	write(w, r, http.StatusOK, svg, []byte(picture.Badge(label, word.String(), tone)))
}
