// Package cloudrun reads how a Cloud Run service is deployed, what was deployed last, and how many requests
// the service answered. Of its environment it decodes the names of variables and the value of one of them.
//
// It speaks the Cloud Run Admin API v2 and Cloud Monitoring's API v3 over REST, because Google's clients would
// lengthen every cold start
// (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/get,
// https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list).
package cloudrun

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// mockVariable is the one variable whose value is read.
const mockVariable = "MOCK_REDIS"

const (
	// maxRevisions bounds how many revisions with traffic are looked at.
	maxRevisions = 4
	// maxName bounds a name, and the value of MOCK_REDIS, in bytes.
	maxName = 256
)

// deployed is a service, as far as it is read.
type deployed struct {
	Template      template  `json:"template"`
	UpdateTime    time.Time `json:"updateTime"`
	LatestReady   string    `json:"latestReadyRevision"`
	LatestCreated string    `json:"latestCreatedRevision"`
	Traffic       []traffic `json:"trafficStatuses"`
}

// traffic is where a share of the requests goes.
type traffic struct {
	Revision string `json:"revision"` // empty for the latest one that is ready
	Percent  int    `json:"percent"`
}

// serving returns the revisions that get requests, by the last part of their names.
func (d deployed) serving() []traffic {
	var out []traffic
	for _, t := range d.Traffic {
		t.Revision = lastPart(cmp.Or(t.Revision, d.LatestReady))
		if t.Percent > 0 && t.Revision != "" {
			out = append(out, t)
		}
	}
	return out
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func (c *Client) service(ctx context.Context, name string) (d deployed, err error) {
	if err = c.get(ctx, c.run, "/v2/"+name, nil, &d); err != nil {
		err = fmt.Errorf("reading the service: %w", err)
	}
	return d, err
}

func (c *Client) revision(ctx context.Context, service, name string, into any) error {
	if err := c.get(ctx, c.run, "/v2/"+service+"/revisions/"+name, nil, into); err != nil {
		return fmt.Errorf("reading a revision: %w", err)
	}
	return nil
}

// Environment reads how the service projects/P/locations/L/services/S is deployed.
func (c *Client) Environment(ctx context.Context, service string) (config.Deployment, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	d, err := c.service(ctx, service)
	if err != nil {
		return config.Deployment{}, err
	}
	var names []string
	for _, t := range d.serving() {
		if !slices.Contains(names, t.Revision) && len(names) < maxRevisions {
			names = append(names, t.Revision)
		}
	}
	// The template is that of the latest revision, which need not be the one that serves.
	if len(names) == 0 || slices.Equal(names, []string{lastPart(d.LatestCreated)}) {
		return d.Template.environment(), nil
	}
	var out config.Deployment
	for i, name := range names {
		var r template
		if err := c.revision(ctx, service, name, &r); err != nil {
			return config.Deployment{}, err
		}
		e := r.environment()
		if i == 0 {
			out = e
			continue
		}
		// The names that all have, and the mock of any.
		out.Variables = slices.DeleteFunc(out.Variables, func(name string) bool { return !slices.Contains(e.Variables, name) })
		out.Mock = cmp.Or(out.Mock, e.Mock)
		out.Hidden, out.Mounted = out.Hidden || e.Hidden, out.Mounted || e.Mounted
	}
	return out, nil
}

// Rollout reads what was deployed last. A service that has not changed since then has
// nothing but Updated.
func (c *Client) Rollout(ctx context.Context, service string, since time.Time) (report.Rollout, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	d, err := c.service(ctx, service)
	if err != nil {
		return report.Rollout{}, err
	}
	out := report.Rollout{Updated: d.UpdateTime, Failed: d.LatestCreated != d.LatestReady}
	if out.Updated.Before(since) {
		return out, nil
	}
	for _, t := range d.serving() {
		latest := t.Revision == lastPart(d.LatestReady)
		if latest || t.Percent > out.Percent {
			out.Revision, out.Percent = t.Revision, t.Percent
		}
		if latest {
			break
		}
	}
	if out.Revision == "" {
		return out, nil
	}
	var r struct {
		CreateTime time.Time `json:"createTime"`
	}
	if err := c.revision(ctx, service, out.Revision, &r); err != nil {
		return report.Rollout{}, err
	}
	out.Created = r.CreateTime
	text.Outside(&out, maxName)
	return out, nil
}

// template is the common part of a service's template and a revision.
type template struct {
	Containers []struct {
		Env []variable `json:"env"`
	} `json:"containers"`
	Volumes []struct {
		Secret *struct{} `json:"secret"`
	} `json:"volumes"`
}

func (t template) environment() config.Deployment {
	e := config.Deployment{Variables: []string{}}
	for _, c := range t.Containers {
		for _, v := range c.Env {
			e.Variables = append(e.Variables, v.Name)
			e.Mock = cmp.Or(e.Mock, v.Value)
			e.Hidden = e.Hidden || v.Source != nil
		}
	}
	for _, v := range t.Volumes {
		e.Mounted = e.Mounted || v.Secret != nil
	}
	text.Outside(&e, maxName)
	slices.Sort(e.Variables)
	e.Variables = slices.Compact(e.Variables)
	return e
}

// variable is one variable; only MOCK_REDIS has more than its name.
type variable struct {
	Name   string    `json:"name"`
	Value  string    `json:"value"`
	Source *struct{} `json:"valueSource"`
}

// UnmarshalJSON implements [json.Unmarshaler]. It skips every value but that of
// MOCK_REDIS.
func (v *variable) UnmarshalJSON(data []byte) error {
	var named struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(data, &named); err != nil || named.Name != mockVariable {
		v.Name = named.Name
		return err
	}
	type whole variable
	return json.Unmarshal(data, (*whole)(v))
}
