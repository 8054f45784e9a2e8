package metrics

import (
	"cmp"
	"net/http"

	"github.com/pongwatch/pongwatch/functions/metrics/picture"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
)

// chart draws the waits of ?database=NAME, which may be left out where there is one.
func (f *Function) chart(r *http.Request, q statistics.Query) *answer {
	if q.Database == "" && len(f.config.Databases) == 1 {
		q.Database = f.config.Databases[0].Name
	}
	if q.Database == "" {
		return failure(http.StatusBadRequest, "which database? want ?database=NAME, such as "+f.config.Databases[0].Name)
	}
	s, err := f.reader.Read(r.Context(), q)
	if err != nil || len(s.Databases) == 0 {
		return failure(http.StatusServiceUnavailable, "history cannot be read")
	}
	d := &s.Databases[0]
	return drawing(http.StatusOK, "default-src 'none'; style-src 'unsafe-inline'", picture.Chart(d.Shown(q.Region).Series, d.LatencyLimitMS))
}

func drawing(status int, policy, svg string) *answer {
	a := whole(status, "image/svg+xml; charset=utf-8", []byte(svg))
	a.headers = map[string]string{"Content-Security-Policy": policy}
	return a
}

// colours are the badge's. White text on each has enough contrast.
var colours = map[statistics.Word]string{
	statistics.Connected: "#1a6e5a", statistics.Degraded: "#8a5a00",
	statistics.Down: "#b3261e", statistics.Mock: "#b3261e", statistics.NoData: "#5b6470",
}

// badge draws one word about ?database=NAME, or about the worst of all. Without history it
// says "no data".
func (f *Function) badge(r *http.Request, q statistics.Query) *answer {
	word := statistics.NoData
	s, err := f.reader.Read(r.Context(), q)
	if err == nil {
		word = s.Worst()
	}
	return drawing(statusOf(err), "default-src 'none'", picture.Badge(cmp.Or(q.Database, "redis"), word.String(), colours[word]))
}
