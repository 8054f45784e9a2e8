package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Hash identifies the receiver's settings, as [Config.Hash] does all of them.
func (r *Receiver) Hash() string { return hash(r) }

// Place identifies where the receiver's messages go. Of a mail, the recipient is in its address.
func (r *Receiver) Place() string {
	switch {
	case r.Slack != nil:
		return hash(r.Slack.Channel, r.Slack.Webhook, r.Slack.APIURL)
	case r.PagerDuty != nil:
		return hash(r.PagerDuty.RoutingKey, r.PagerDuty.URL)
	case r.Webhook != nil:
		return hash(r.Webhook.URL, r.Webhook.URL.value.Reveal(), r.Webhook.Format) // in clear, it is no secret
	}
	return ""
}

// Hash identifies the configuration in reports and sign-offs: twelve hexadecimal
// digits that change with any setting, a reference or a default, but not with order
// of keys, comments or the content of a secret.
func (c *Config) Hash() string {
	type address struct{ Name, URL string }
	rest := *c
	rest.Databases = nil
	parts := []any{rest}
	for i := range c.Databases {
		d := &c.Databases[i]
		parts = append(parts, d, address{d.Name, d.URL.value.Reveal()}) // in clear, of a database: no secret, but printed as one
	}
	return hash(parts...)
}

// hash encodes part by part, because ten thousand databases at once would take most of an instance's memory.
func hash(parts ...any) string {
	sum := sha256.New()
	for _, part := range parts {
		if err := json.NewEncoder(sum).Encode(part); err != nil {
			panic(fmt.Sprintf("config: encoding for the hash: %v", err)) // no type of Config can fail to encode
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}
