package picture_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/picture"
)

func TestATrendShowsWhereItIsHeading(t *testing.T) {
	from := time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)
	values := func(v ...float64) []*float64 {
		var out []*float64
		for _, x := range v {
			if x < 0 {
				out = append(out, nil)
				continue
			}
			out = append(out, new(x))
		}
		return out
	}
	const forecast, whole = `class="forecast"`, `class="limit"`
	tests := []struct {
		name  string
		trend picture.Trend
		want  []string
		not   []string
	}{
		{"without a forecast nothing is dashed beyond now", picture.Trend{Share: true, Quota: true, Values: values(0.5, 0.6, 0.7, 0.8)}, []string{whole, ">100 %<", ">19:00<", ">20:00<"}, []string{forecast}},
		// x(i) = 48 + (i+.5)/5×304, y(v) = 12 + (1−v/1.05)×106.
		{"full within the chart ends at the whole", picture.Trend{Share: true, Quota: true, Room: true, Values: values(0.5, 0.6, 0.7, 0.8), Full: from.Add(67*time.Minute + 30*time.Second)}, []string{forecast + ` d="M260.8 37.2L321.6 17"`}, nil},
		{"full beyond it ends at the edge, on the way there", picture.Trend{Share: true, Quota: true, Room: true, Values: values(0.5, 0.6, 0.7, 0.8), Full: from.Add(82*time.Minute + 30*time.Second)}, []string{forecast + ` d="M260.8 37.2L321.6 27.1"`}, nil},
		{"it begins at the last value that is known", picture.Trend{Share: true, Quota: true, Room: true, Values: values(0.5, 0.6, 0.8, -1), Full: from.Add(67*time.Minute + 30*time.Second)}, []string{forecast + ` d="M200 37.2L321.6 17"`}, nil},
		{"what is full already is drawn no further", picture.Trend{Share: true, Quota: true, Room: true, Values: values(0.9, 1, 1, 1), Full: from}, []string{whole}, []string{forecast}},
		{"a small share is drawn large, without the whole", picture.Trend{Share: true, Quota: true, Values: values(0.01, 0.02, 0.02, 0.02)}, []string{">2 %<"}, []string{whole, forecast}},
		{"a small share that will be full is drawn against it", picture.Trend{Share: true, Quota: true, Room: true, Values: values(0.01, 0.02, 0.02, 0.02), Full: from.Add(90 * time.Hour)}, []string{whole, forecast}, nil},
		{"a share without a quota has no limit", picture.Trend{Share: true, Values: values(0.9, 0.95)}, []string{">100 %<"}, []string{whole}},
		{"counts have no whole", picture.Trend{Values: values(100, 1200, 0, 30)}, []string{">1000<"}, []string{whole, forecast, "%"}},
		{"a gap lifts the pen", picture.Trend{Share: true, Quota: true, Values: values(0.5, 0.5, -1, 0.5)}, []string{"M86 ", "h.1"}, []string{forecast}},
		{"a label is text", picture.Trend{Label: `"><script>`, Values: values(1)}, []string{`aria-label="&#34;&gt;&lt;script&gt;"`}, []string{"<script"}},
		{"days have dates", picture.Trend{Values: values(1, 2, 3, 4), Step: 24 * time.Hour}, []string{">Nov 22<", ">Nov 26<"}, nil},
	}
	for _, tt := range tests {
		if tt.trend.From = from; tt.trend.Step == 0 {
			tt.trend.Step = 15 * time.Minute
		}
		svg := tt.trend.SVG()
		for _, w := range tt.want {
			if !strings.Contains(svg, w) {
				t.Errorf("%s: %q is missing in %s", tt.name, w, svg)
			}
		}
		for _, n := range tt.not {
			if strings.Contains(svg, n) {
				t.Errorf("%s: %q is in %s", tt.name, n, svg)
			}
		}
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v in %s", tt.name, err, svg)
				break
			}
		}
	}
	if got := (picture.Trend{}).SVG(); got != "" {
		t.Errorf("nothing is drawn as %s", got)
	}
}
