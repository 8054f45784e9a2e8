package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc/oidctest"
	"github.com/pongwatch/pongwatch/shared/report"
)

// installation is a running one.
type installation struct {
	*cloud
	shards                 []string
	health, metrics, alert *server
}

// install starts the three functions over so many databases, each shard a document of its own, as Terraform makes parts.
func install(ctx context.Context, l *lab, n int) (in *installation, c *config.Config, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range slices.Backward(stops) {
			s()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	db, certificate, err := startUpstash(ctx, l.dir)
	if err != nil {
		return nil, nil, stop, err
	}
	stops = append(stops, db.stop)
	in = &installation{}
	if in.cloud, err = startCloud(ctx); err != nil {
		return nil, nil, stop, err
	}
	stops = append(stops, in.cloud.stop)
	texts, bundles := []string{""}, []string{}
	for begin := 0; begin < n; begin += bundleSize {
		bundle := map[string]any{}
		var text strings.Builder
		shard := fmt.Sprintf("shard-%02d", begin/shardSize)
		for i := begin; i < min(n, begin+bundleSize); i++ {
			name := fmt.Sprintf("customer-%05d-production-cache", i)
			bundle[name] = map[string]string{"token": token}
			fmt.Fprintf(&text, "  - {name: %s, shard: %s, url: %q, plan: payg, region: us-east-1, environment: production, checks: {round_trip: {enabled: false}}}\n", name, shard, db.url)
		}
		data, err := json.Marshal(bundle)
		if err != nil {
			return nil, nil, stop, err
		}
		secret := fmt.Sprintf("projects/bench/secrets/databases-%02d", len(bundles))
		in.secrets.AddVersion(secret, data)
		in.shards, bundles = append(in.shards, shard), append(bundles, "sm://"+secret)
		texts = append(texts, "databases:\n"+text.String())
	}
	texts[0] = "regions: [loopback]\naccess: {invokers: [" + invoker + "]}\nalerting: {canary: {enabled: false}}\nbudget: {override: true}\ncredentials: [" + strings.Join(bundles, ", ") + "]\n"
	var files []string
	var documents []config.Document
	for i, text := range texts {
		file := filepath.Join(l.dir, fmt.Sprintf("part-%03d.yaml", i))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, nil, stop, err
		}
		files, documents = append(files, file), append(documents, config.Document{Name: file, Text: []byte(text)})
	}
	c, problems := config.Parse(false, documents...)
	if c == nil || problems.Err() != nil {
		return nil, nil, stop, fmt.Errorf("the benchmark's configuration: %w", problems)
	}
	if err := seed(ctx, c, in.documents.address); err != nil {
		return nil, nil, stop, fmt.Errorf("seeding history: %w", err)
	}
	env := append(in.env(), "SSL_CERT_FILE="+certificate, "PONGWATCH_CONFIG="+strings.Join(files, ","))
	for target, into := range map[string]**server{"HealthCheck": &in.health, "Metrics": &in.metrics, "Alert": &in.alert} {
		if *into, err = startServer(ctx, l.functions, append(env, "FUNCTION_TARGET="+target)...); err != nil {
			return nil, nil, stop, err
		}
		stops = append(stops, (*into).stop)
	}
	return in, c, stop, nil
}

// runs schedules a run of every shard.
func (in *installation) runs(ctx context.Context, s *server, at time.Time) error {
	for _, shard := range in.shards {
		if _, err := s.schedule(ctx, shard, at); err != nil {
			return err
		}
	}
	return nil
}

// largest is the size of the largest message that waits.
func (in *installation) largest() (size float64) {
	for _, m := range in.topics.Messages() {
		size = max(size, float64(len(m.Data)))
	}
	return size
}

// push posts every message that waits to Alert.
func (in *installation) push(ctx context.Context) error {
	messages := in.topics.Messages()
	in.topics.ClearMessages()
	for _, m := range messages {
		if err := in.pushOne(ctx, report.Message{Data: m.Data, Attributes: m.Attributes}); err != nil {
			return err
		}
	}
	return nil
}

// pushOne posts a message as Pub/Sub does.
func (in *installation) pushOne(ctx context.Context, m report.Message) error {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	body, err := json.Marshal(map[string]any{
		"subscription": "projects/bench/subscriptions/alert",
		"message":      map[string]any{"data": m.Data, "attributes": m.Attributes, "messageId": now, "message_id": now, "publishTime": now, "publish_time": now},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, in.alert.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+oidctest.Verified(invoker, audience))
	return in.alert.do(req)
}

// start begins to count the processor time of all three.
func (in *installation) start() {
	for _, s := range []*server{in.health, in.metrics, in.alert} {
		s.cpuBefore, _ = s.cpu() // an error comes again at the end
	}
}

// spent is the processor time since start in seconds, by databases.
func (in *installation) spent(databases float64) (health, metrics, alert float64, err error) {
	var out [3]float64
	for i, s := range []*server{in.health, in.metrics, in.alert} {
		now, err := s.cpu()
		if err != nil {
			return 0, 0, 0, err
		}
		out[i] = (now - s.cpuBefore) / databases
	}
	return out[0], out[1], out[2] / 2, nil // Alert takes a message of each job
}
