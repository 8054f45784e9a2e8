package check_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

func listing(all ...upstash.Database) check.Listed {
	return func() ([]upstash.Database, error) { return all, nil }
}

func TestTheConfigurationIsComparedWithTheAccount(t *testing.T) {
	here := config.Database{DatabaseID: "id-1", Plan: "free", Region: "us-east-1", Eviction: "off"}
	there := upstash.Database{ID: "id-1", Endpoint: "merry-cat", Type: "free", MaxData: 256 << 20, Region: "us-east-1", Eviction: new(false), TLS: new(true)}
	tests := []struct {
		name   string
		change func(d *config.Database, a *upstash.Database)
		want   string // in the evidence; nothing is no difference
	}{
		{"the same", func(*config.Database, *upstash.Database) {}, ""},
		{"another plan", func(_ *config.Database, a *upstash.Database) { a.Type = "payg" }, "plan is free in the configuration, and payg in the account"},
		{"a fixed plan by its size", func(d *config.Database, a *upstash.Database) { d.Plan, a.Type, a.MaxData = "fixed-5gb", "paid", 1<<30 }, "plan is fixed-5gb in the configuration, and fixed-1gb in the account"},
		{"a paid plan of a size of its own", func(_ *config.Database, a *upstash.Database) { a.Type, a.MaxData = "pro", 3<<30 }, "plan is free in the configuration, and pro in the account"},
		{"a fixed plan, which may have been made larger", func(d *config.Database, a *upstash.Database) { d.Plan, a.Type, a.MaxData = "fixed-1gb", "pro", 3<<30 }, ""},
		{"limits that the document gives", func(d *config.Database, _ *upstash.Database) { d.Plan = "custom" }, ""},
		{"a plan that the account does not say", func(_ *config.Database, a *upstash.Database) { a.Type = "" }, ""},
		{"another region", func(_ *config.Database, a *upstash.Database) { a.Region = "eu-west-1" }, "region is us-east-1 in the configuration, and eu-west-1 in the account"},
		{"a region that the document does not say", func(d *config.Database, _ *upstash.Database) { d.Region = "" }, ""},
		{"eviction", func(_ *config.Database, a *upstash.Database) { a.Eviction = new(true) }, "eviction is off in the configuration, and on in the account"},
		{"eviction that neither says", func(d *config.Database, a *upstash.Database) { d.Eviction, a.Eviction = "", nil }, ""},
		{"no TLS", func(_ *config.Database, a *upstash.Database) { a.TLS = new(false) }, "TLS is off in the account"},
		{"two differences", func(_ *config.Database, a *upstash.Database) { a.Region, a.Eviction = "eu-west-1", new(true) }, "and eu-west-1 in the account; eviction is off"},
		{"it is found by its address", func(d *config.Database, a *upstash.Database) {
			d.DatabaseID, d.URL, a.Region = "", config.Inline("https://Merry-Cat.upstash.io"), "eu-west-1"
		}, "and eu-west-1 in the account"},
		{"another address of the account", func(d *config.Database, a *upstash.Database) {
			d.DatabaseID, d.URL, a.Region = "", config.Inline("https://other-cat.upstash.io"), "eu-west-1"
		}, ""},
		{"another database of the account", func(d *config.Database, a *upstash.Database) { d.DatabaseID, a.Region = "id-2", "eu-west-1" }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, a := here, there
			d.Name = "cache"
			tt.change(&d, &a)
			target := &check.Target{Database: &d, Job: report.Metrics, Region: "us-east4", Listed: listing(upstash.Database{ID: "id-0", Region: "sa-east-1"}, a)}
			got := observe(t, target)[report.ConfigLoad]
			if tt.want == "" {
				if got.Status != report.OK || !got.Clear {
					t.Errorf("config = %+v, want ok", got)
				}
			} else if got.Status != report.Warn || got.Cause != cause.ConfigDrift || !strings.Contains(got.Evidence, tt.want) {
				t.Errorf("config = %+v, want a warning with %q", got, tt.want)
			}
		})
	}
}

func TestAnAccountThatDoesNotAnswerClosesNothing(t *testing.T) {
	silent := func() ([]upstash.Database, error) { return nil, errors.New("no answer") }
	d := &config.Database{Name: "cache", DatabaseID: "id-1"}
	if got := observe(t, &check.Target{Database: d, Job: report.Metrics, Listed: silent})[report.ConfigLoad]; got.Status != report.OK || got.Clear {
		t.Errorf("config = %+v, want ok that does not clear", got)
	}
	if got := check.Unwatched(t.Context(), &check.Target{Listed: silent}, &config.Config{}, nil, time.Minute)[0]; got.Status != report.Unknown {
		t.Errorf("of the account: %+v, want unknown", got)
	}
	d.Problems = config.Problems{{Key: "home", What: "is no region", Cause: cause.ConfigInvalid}}
	if got := observe(t, &check.Target{Database: d, Job: report.Metrics, Listed: silent})[report.ConfigLoad]; got.Cause != cause.ConfigInvalid {
		t.Errorf("config = %+v, want the problem of the document", got)
	}
}

func TestDatabasesThatNothingWatchesAreNamed(t *testing.T) {
	all := []upstash.Database{{ID: "1", Name: "prod", Endpoint: "prod-1"}, {ID: "2", Name: "stage", Endpoint: "stage-2"}, {ID: "3", Name: "toy", Endpoint: "toy-3"}}
	resolve := func(_ context.Context, d *config.Database, _ bool) (config.Credentials, error) {
		if d.Name == "unreadable" {
			return config.Credentials{}, errors.New("no secret")
		}
		return config.Credentials{URL: "https://" + d.Name + ".upstash.io", Token: secrets.New("x")}, nil
	}
	tests := []struct {
		name   string
		watch  []config.Database
		ignore []string
		status report.Status
		want   string
	}{
		{"all are watched, by id or by address", []config.Database{{Name: "a", DatabaseID: "1"}, {Name: "stage-2"}, {Name: "toy-3"}}, nil, report.OK, ""},
		{"one is not", []config.Database{{Name: "a", DatabaseID: "1"}, {Name: "b", DatabaseID: "2"}}, nil, report.Warn, "databases of the account that nothing watches: toy"},
		{"one is ignored by its name, another by its id", []config.Database{{Name: "a", DatabaseID: "1"}}, []string{"toy", "2"}, report.OK, ""},
		{"an address that cannot be read may be any of them", []config.Database{{Name: "unreadable"}}, nil, report.Unknown, "unreadable"},
		{"none is watched", nil, nil, report.Warn, "prod, stage, toy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &config.Config{Databases: tt.watch, Management: config.Management{Ignore: tt.ignore}}
			got := check.Unwatched(t.Context(), &check.Target{Job: report.Metrics, Region: "us-east4", Listed: listing(all...)}, c, resolve, time.Minute)[0]
			if got.Status != tt.status || !strings.Contains(got.Evidence, tt.want) || got.Database != report.MonitorDatabase || got.Check != report.ConfigLoad || got.Source != "metrics@us-east4" || got.Every != time.Minute {
				t.Errorf("%+v, want %s and %q", got, tt.status, tt.want)
			}
		})
	}
	many := make([]upstash.Database, 7)
	for i := range many {
		many[i] = upstash.Database{ID: string(rune('a' + i))}
	}
	if got := check.Unwatched(t.Context(), &check.Target{Listed: listing(many...)}, &config.Config{}, resolve, time.Minute)[0]; !strings.HasSuffix(got.Evidence, "a, b, c, d, e, and 2 more") {
		t.Errorf("of seven: %q", got.Evidence)
	}
}
