package cloudrun

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/gcp/internal/rest"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Deployment is the latest change of a service, and what serves since.
type Deployment struct {
	// Updated is when the service was last modified.
	Updated time.Time
	// Revision is the latest one if it serves, else the one with the largest share of the requests. It gets
	// Percent of them, and was made at Created.
	Revision string
	Percent  int
	Created  time.Time
	// Failed says that the latest revision never became ready, so that no request went to it.
	Failed bool
}

// Deployment reads what was deployed last. A service that has not changed since then has
// nothing but Updated.
func (c *Client) Deployment(ctx context.Context, service string, since time.Time) (Deployment, error) {
	ctx, cancel := context.WithTimeout(ctx, rest.Timeout)
	defer cancel()
	var s struct {
		UpdateTime    time.Time `json:"updateTime"`
		LatestReady   string    `json:"latestReadyRevision"`
		LatestCreated string    `json:"latestCreatedRevision"`
		Traffic       []traffic `json:"trafficStatuses"`
	}
	if err := c.get(ctx, service, &s); err != nil {
		return Deployment{}, fmt.Errorf("reading the service: %w", err)
	}
	d := Deployment{Updated: s.UpdateTime, Failed: s.LatestCreated != s.LatestReady}
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
		return Deployment{}, fmt.Errorf("reading a revision: %w", err)
	}
	d.Created = r.CreateTime
	text.Outside(&d, maxName)
	return d, nil
}
