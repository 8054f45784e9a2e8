package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

// installation is the databases of some shards, the configuration, and the Google that deployed functions talk to.
type installation struct {
	*lab
	*cloud
	shards []string
	config *config.Config
	env    []string // of its functions
}

// install makes an installation with so many databases in each shard, a round trip away. Each shard is a document of its
// own. Its tokens are a bundle, as Terraform makes them, or all databases refer to one secret.
func (l *lab) install(ctx context.Context, roundTrip time.Duration, bundled bool, sizes ...int) (*installation, error) {
	if err := l.build(ctx); err != nil {
		return nil, err
	}
	db, err := l.databases(ctx, true, roundTrip)
	if err != nil {
		return nil, err
	}
	in := &installation{lab: l}
	if in.cloud, err = l.startCloud(ctx); err != nil {
		return nil, err
	}
	var bundles []string
	reference := ""
	if !bundled {
		const secret = "projects/bench/secrets/token"
		in.secrets.AddVersion(secret, []byte(token))
		reference = "sm://" + secret
	}
	texts, first := []string{""}, 0
	for i, size := range sizes {
		shard := fmt.Sprintf("shard-%02d", i)
		in.shards = append(in.shards, shard)
		texts = append(texts, "databases:\n"+db.entries(shard, first, first+size, reference))
		if bundled {
			bundle := map[string]any{}
			for n := range size {
				bundle[databaseName(first+n)] = map[string]string{"token": token}
			}
			data, err := json.Marshal(bundle)
			if err != nil {
				return nil, err
			}
			secret := fmt.Sprintf("projects/bench/secrets/databases-%02d", i)
			in.secrets.AddVersion(secret, data)
			bundles = append(bundles, "sm://"+secret)
		}
		first += size
	}
	texts[0] = "regions: [loopback]\naccess: {invokers: [" + invoker + "]}\nalerting: {canary: {enabled: false}}\nbudget: {override: true}\n"
	if bundled {
		texts[0] += "credentials: [" + strings.Join(bundles, ", ") + "]\n"
	}
	var files []string
	var documents []config.Document
	for i, text := range texts {
		file := filepath.Join(l.dir, fmt.Sprintf("part-%03d.yaml", i))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
		files, documents = append(files, file), append(documents, config.Document{Name: file, Text: []byte(text)})
	}
	c, problems := config.Parse(false, documents...)
	if c == nil || problems.Err() != nil {
		return nil, fmt.Errorf("the benchmark's configuration: %w", problems)
	}
	in.config, in.env = c, append(in.cloud.env(), "SSL_CERT_FILE="+db.certificate, "PONGWATCH_CONFIG="+strings.Join(files, ","))
	return in, nil
}

// function starts a deployed function.
func (in *installation) function(ctx context.Context, target string, env ...string) (*process, error) {
	return in.serve(ctx, in.functions, target, slices.Concat(in.env, env)...)
}

// runs schedules a run of every shard.
func (in *installation) runs(ctx context.Context, p *process, at time.Time) error {
	for _, shard := range in.shards {
		if _, err := p.schedule(ctx, shard, at); err != nil {
			return err
		}
	}
	return nil
}

// latencies returns the latencies in ms of all good pings published so far, by shard, of which each database must have
// so many: pings that fail cost something else.
func (in *installation) latencies(runs int) (map[string][]float64, error) {
	byShard := map[string][]float64{}
	var failed []string
	for _, m := range in.topics.Messages() {
		decoded, err := report.Decode(report.Message{Data: m.Data, Attributes: m.Attributes}, m.PublishTime)
		if err != nil {
			return nil, err
		}
		if decoded.Report == nil {
			return nil, fmt.Errorf("something other than a report was published: %v", m.Attributes)
		}
		for _, o := range decoded.Report.Observations {
			switch {
			case o.Check == report.Latency && o.Value != nil:
				byShard[decoded.Report.Shard] = append(byShard[decoded.Report.Shard], *o.Value)
			case o.Check == report.Ping && o.Status != report.OK:
				failed = append(failed, o.Database+": "+o.Evidence)
			}
		}
	}
	for _, shard := range in.shards {
		if got, want := len(byShard[shard]), runs*len(in.config.InShard(shard)); got != want {
			return nil, fmt.Errorf("shard %s: %d good pings, want %d; failed: %.500q", shard, got, want, failed)
		}
	}
	return byShard, nil
}
