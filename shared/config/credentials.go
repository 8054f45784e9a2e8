package config

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// Credentials is what it takes to reach one database.
type Credentials struct {
	// URL is scheme and host, without a path.
	URL   string
	Token secrets.Value
	// Version of the secret that holds the token; empty for a token in clear.
	Version string
}

// CredentialSecrets returns the secrets whose newest version may hold what it takes to reach the
// database, as "projects/my-project/secrets/token".
func (c *Config) CredentialSecrets(d *Database) []string {
	var all []string
	holders := []Secret{d.URL, d.Token}
	if !d.Token.IsSet() {
		holders = append(holders, c.Bundles...)
	}
	for _, s := range holders {
		pinned := strings.Contains(s.String(), "/versions/") // it goes on using its version
		if name := s.Resource(); name != "" && !pinned && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// Credentials returns how to reach the database of that name, reading the references behind it
// where that has not happened yet; refused says that Upstash has just refused the token, so that
// they are read again at once. An error that is a [Problem] says, with its cause, what is wrong
// with the settings or with what the secrets hold; any other error is the secret source's.
func (c *Config) Credentials(ctx context.Context, cache *secrets.Cache, name string, refused bool) (Credentials, error) {
	d := c.Database(name)
	if d == nil {
		return Credentials{}, fmt.Errorf("finding credentials: database %q is not configured", name)
	}
	for _, p := range d.Problems {
		if p.Stops {
			return Credentials{}, p
		}
	}
	urlKey, tokenKey := "databases."+name+".url", "databases."+name+".token"
	address, err := d.URL.read(ctx, cache, refused)
	if err != nil {
		return Credentials{}, fmt.Errorf("reading url of database %s: %w", name, err)
	}
	token, err := d.Token.read(ctx, cache, refused)
	if err != nil {
		return Credentials{}, fmt.Errorf("reading token of database %s: %w", name, err)
	}
	if len(c.Bundles) > 0 && !d.Token.IsSet() {
		tokenKey = "credentials." + name + ".token"
		var bundled secrets.Entry
		if bundled, token, err = c.fromBundle(ctx, cache, name, refused); err != nil {
			return Credentials{}, err
		}
		if !d.URL.IsSet() {
			address, urlKey = bundled, "credentials."+name+".url"
		}
	}
	u, p := checkURL(address.Value.Reveal(), c.local)
	key := urlKey
	if p == nil {
		p, key = checkToken(token.Value.Reveal()), tokenKey
	}
	if p != nil {
		p.Key, p.Database = key, name
		return Credentials{}, *p
	}
	return Credentials{URL: u, Token: token.Value, Version: token.Version}, nil
}

// fromBundle reads the database's URL and token from the bundle that has them, or else from one
// that may have them, because it could not be read.
func (c *Config) fromBundle(ctx context.Context, cache *secrets.Cache, name string, refused bool) (address, token secrets.Entry, err error) {
	bundle := c.Bundles[0]
	for _, b := range c.Bundles {
		e, _ := b.Get(ctx, cache) // an error leaves it without an object, and is met again
		fields := e.Object()
		if _, ok := fields[name]; ok {
			bundle = b
			break
		}
		if fields == nil {
			bundle = b
		}
	}
	e, err := bundle.read(ctx, cache, refused)
	if err != nil {
		return address, token, fmt.Errorf("reading credentials: %w", err)
	}
	fields := e.Object()
	if fields == nil {
		return address, token, Problem{
			Key: "credentials", What: "is not a JSON object of databases", Database: name, Cause: cause.ConfigInvalid,
			Example: `{"prod-cache": {"url": "https://your-instance.upstash.io", "token": "…"}}`,
		}
	}
	var pair struct{ URL, Token string }
	if raw, ok := fields[name]; ok && json.Unmarshal([]byte(raw.Reveal()), &pair) != nil { // the error could quote the content
		return address, token, Problem{
			Key: "credentials." + name, What: "is not an object with url and token", Database: name, Cause: cause.ConfigInvalid,
			Example: `{"url": "https://your-instance.upstash.io", "token": "…"}`,
		}
	}
	address, token = e, e
	address.Value, token.Value = secrets.New(pair.URL), secrets.New(pair.Token)
	return address, token, nil
}
