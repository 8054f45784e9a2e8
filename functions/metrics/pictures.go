package metrics

import (
	"cmp"
	"net/http"

	"github.com/pongwatch/pongwatch/functions/metrics/picture"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/job"
)

const svg = "image/svg+xml; charset=utf-8"

// chart draws the waits of ?database=NAME, which may be left out where there is one.
func (f *Function) chart(w http.ResponseWriter, r *http.Request, q statistics.Query) {
	if q.Database == "" && len(f.config.Databases) == 1 {
		q.Database = f.config.Databases[0].Name
	}
	if q.Database == "" {
		w.Header().Del("ETag")
		job.WriteError(w, http.StatusBadRequest, "which database? want ?database=NAME, such as "+f.config.Databases[0].Name)
		return
	}
	s, err := f.reader.Read(r.Context(), q)
	if err != nil || len(s.Databases) == 0 {
		job.WriteError(w, unavailable(w), "history cannot be read")
		return
	}
	d := &s.Databases[0]
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	write(w, r, http.StatusOK, svg, []byte(picture.Chart(d.Shown(q.Region).Series, d.LatencyLimitMS)))
}

// colours are the badge's. White text on each has enough contrast.
var colours = map[statistics.Word]string{
	statistics.Connected: "#1a6e5a", statistics.Degraded: "#8a5a00",
	statistics.Down: "#b3261e", statistics.Mock: "#b3261e", statistics.NoData: "#5b6470",
}

// badge draws one word about ?database=NAME, or about the worst of all. Without history it
// says "no data".
func (f *Function) badge(w http.ResponseWriter, r *http.Request, q statistics.Query) {
	status, word := http.StatusOK, statistics.NoData
	if s, err := f.reader.Read(r.Context(), q); err != nil {
		status = unavailable(w)
	} else {
		word = s.Worst()
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	write(w, r, status, svg, []byte(picture.Badge(cmp.Or(q.Database, "redis"), word.String(), colours[word])))
}
