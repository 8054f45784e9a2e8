// Package cloudrun reads how a Cloud Run service is deployed: the names of its
// environment variables, the value of one of them, and which revisions serve since when. It
// decodes no other value.
//
// It speaks the Cloud Run Admin API v2 over REST
// (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/get).
package cloudrun

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/internal/rest"
	"github.com/pongwatch/pongwatch/shared/text"
)

// EmulatorVariable is the environment variable that points at a server on loopback
// which speaks the API over plain HTTP, such as "127.0.0.1:8087".
const EmulatorVariable = "PONGWATCH_CLOUDRUN_EMULATOR_HOST"

// mockVariable is the one variable whose value is read.
const mockVariable = "MOCK_REDIS"

const (
	// maxRevisions bounds how many revisions with traffic are looked at.
	maxRevisions = 4
	// maxName bounds a variable's name, and the value of MOCK_REDIS, in bytes.
	maxName = 256
)

// Why there is no answer; test with [errors.Is].
var (
	ErrDenied      = rest.ErrDenied
	ErrNotFound    = rest.ErrNotFound
	ErrUnavailable = rest.ErrUnavailable
)

// Client reads services. It is safe for concurrent use.
type Client struct{ rest *rest.Client }

// New returns a client with the process's Google credentials or, if emulatorHost is not
// empty, for the emulator there. It looks for credentials and connects to nothing.
func New(emulatorHost string) (*Client, error) {
	c, err := rest.New("run.googleapis.com", EmulatorVariable, emulatorHost, "grant roles/run.viewer on it to this function's service account")
	if err != nil {
		return nil, err
	}
	return &Client{c}, nil
}

// Environment reads how the service projects/P/locations/L/services/S is deployed.
func (c *Client) Environment(ctx context.Context, service string) (config.Deployment, error) {
	ctx, cancel := context.WithTimeout(ctx, rest.Timeout)
	defer cancel()
	var s struct {
		Template            template  `json:"template"`
		LatestReadyRevision string    `json:"latestReadyRevision"`
		LatestCreated       string    `json:"latestCreatedRevision"`
		Traffic             []traffic `json:"trafficStatuses"`
	}
	if err := c.get(ctx, service, &s); err != nil {
		return config.Deployment{}, fmt.Errorf("reading the service: %w", err)
	}
	// The template is that of the latest revision, which need not be the one that serves.
	revisions := serving(service, s.LatestReadyRevision, s.Traffic)
	if len(revisions) == 0 || slices.Equal(revisions, []string{s.LatestCreated}) {
		return s.Template.environment(), nil
	}
	var out config.Deployment
	for i, name := range revisions {
		var r template
		if err := c.get(ctx, name, &r); err != nil {
			return config.Deployment{}, fmt.Errorf("reading a revision: %w", err)
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

// traffic is where a share of the requests goes.
type traffic struct {
	Revision string `json:"revision"`
	Percent  int    `json:"percent"`
}

// serving names the revisions that get requests, at most maxRevisions.
func serving(service, latest string, statuses []traffic) []string {
	var names []string
	for _, t := range statuses {
		name := latest
		if t.Revision != "" {
			name = service + "/revisions/" + t.Revision[strings.LastIndexByte(t.Revision, '/')+1:]
		}
		if t.Percent > 0 && name != "" && !slices.Contains(names, name) && len(names) < maxRevisions {
			names = append(names, name)
		}
	}
	return names
}

// template is the common part of a service's template and a revision.
type template struct {
	Containers []struct {
		Env          []variable `json:"env"`
		VolumeMounts []struct {
			Name string `json:"name"`
		} `json:"volumeMounts"`
	} `json:"containers"`
	Volumes []struct {
		Name   string    `json:"name"`
		Secret *struct{} `json:"secret"`
	} `json:"volumes"`
}

func (t template) environment() config.Deployment {
	e := config.Deployment{Variables: []string{}}
	for _, c := range t.Containers {
		for _, v := range c.Env {
			e.Variables = append(e.Variables, v.name)
			if v.name == mockVariable {
				e.Hidden = e.Hidden || v.hidden
				if e.Mock == "" {
					e.Mock = v.mock
				}
			}
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

// variable is one variable; only MOCK_REDIS has its value.
type variable struct {
	name   string
	mock   string
	hidden bool
}

// UnmarshalJSON implements [json.Unmarshaler]. It skips every value but that of
// MOCK_REDIS.
func (v *variable) UnmarshalJSON(data []byte) error {
	var named struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(data, &named); err != nil {
		return err
	}
	v.name = named.Name
	if v.name != mockVariable {
		return nil
	}
	var valued struct {
		Value       string    `json:"value"`
		ValueSource *struct{} `json:"valueSource"`
	}
	if err := json.Unmarshal(data, &valued); err != nil {
		return err
	}
	v.mock, v.hidden = valued.Value, valued.ValueSource != nil
	return nil
}

func (c *Client) get(ctx context.Context, name string, into any) error {
	return c.rest.Get(ctx, "/v2/"+name, nil, into)
}
