package cloudrun

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/gcp/internal/rest"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Rollout reads what was deployed last. A service that has not changed since then has
// nothing but Updated.
func (c *Client) Rollout(ctx context.Context, service string, since time.Time) (report.Rollout, error) {
	ctx, cancel := context.WithTimeout(ctx, rest.Timeout)
	defer cancel()
	var s struct {
		UpdateTime    time.Time `json:"updateTime"`
		LatestReady   string    `json:"latestReadyRevision"`
		LatestCreated string    `json:"latestCreatedRevision"`
		Traffic       []traffic `json:"trafficStatuses"`
	}
	if err := c.get(ctx, service, &s); err != nil {
		return report.Rollout{}, fmt.Errorf("reading the service: %w", err)
	}
	d := report.Rollout{Updated: s.UpdateTime, Failed: s.LatestCreated != s.LatestReady}
	if d.Updated.Before(since) {
		return d, nil
	}
	for _, t := range s.Traffic {
		name := s.LatestReady
		if t.Revision != "" {
			name = t.Revision
		}
		name = name[strings.LastIndexByte(name, '/')+1:]
		latest := name == s.LatestReady[strings.LastIndexByte(s.LatestReady, '/')+1:]
		if t.Percent > d.Percent || latest && t.Percent > 0 {
			d.Revision, d.Percent = name, t.Percent
		}
		if latest && t.Percent > 0 {
			break
		}
	}
	if d.Revision == "" {
		return d, nil
	}
	var r struct {
		CreateTime time.Time `json:"createTime"`
	}
	if err := c.get(ctx, service+"/revisions/"+d.Revision, &r); err != nil {
		return report.Rollout{}, fmt.Errorf("reading a revision: %w", err)
	}
	d.Created = r.CreateTime
	text.Outside(&d, maxName)
	return d, nil
}
