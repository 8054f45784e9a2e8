package report

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// BenchmarkEncode encodes the report of 250 databases with ping and latency each,
// and prints how much smaller than its JSON it is.
func BenchmarkEncode(b *testing.B) {
	r := sample()
	r.Observations = nil
	for i := range 250 {
		for _, check := range []Check{Ping, Latency} {
			r.Observations = append(r.Observations, Observation{
				Database: fmt.Sprintf("database-%d", i), Check: check, Source: "us-east4", Status: OK, Clear: true,
				Value: new(20 + float64(i)/7), Threshold: new(600.0), Unit: Milliseconds, HTTPStatus: 200, Attempts: 1,
				Phases: &Phases{DNS: 1.25, Connect: 9.5 + float64(i)/13, TLS: 21.125, Wait: 20 + float64(i)/7, Total: 52, Reached: "body"},
				At:     scheduled.Add(time.Duration(i) * 1_234_567), Every: time.Minute,
			})
		}
	}
	raw, err := json.Marshal(r)
	if err != nil {
		b.Fatal(err)
	}
	var size int
	for b.Loop() {
		m, err := Encode(r)
		if err != nil {
			b.Fatal(err)
		}
		size = len(m.Data)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/observation")
	b.ReportMetric(float64(len(raw))/float64(size), "times-smaller")
}
