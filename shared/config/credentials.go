package config

import (
	"context"
	"encoding/json"
	"fmt"

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

// Credentials returns how to reach the database, reading the references behind it
// where that has not happened yet. An error that is a [Problem] says, with its cause,
// what is wrong with the settings or with what the secrets hold; any other error is
// the secret source's.
func (c *Config) Credentials(ctx context.Context, cache *secrets.Cache, database string) (Credentials, error) {
	return c.credentials(ctx, cache, database, (*secrets.Cache).Get)
}

// RefreshCredentials is Credentials for a token that Upstash has just refused: the
// secret is read again at once.
func (c *Config) RefreshCredentials(ctx context.Context, cache *secrets.Cache, database string) (Credentials, error) {
	return c.credentials(ctx, cache, database, (*secrets.Cache).Refresh)
}

func (c *Config) credentials(ctx context.Context, cache *secrets.Cache, name string, read readFunc) (Credentials, error) {
	d := c.Database(name)
	if d == nil {
		return Credentials{}, fmt.Errorf("finding credentials: database %q is not configured", name)
	}
	if wrong := d.Problems.without(true); len(wrong) > 0 {
		return Credentials{}, wrong[0]
	}
	var address, token entry
	var err error
	if c.Bundle.IsSet() && !d.Token.IsSet() {
		address, token, err = c.fromBundle(ctx, cache, d, read)
	} else {
		address, token, err = d.own(ctx, cache, read)
	}
	if err != nil {
		return Credentials{}, err
	}
	u, p := checkURL(address.value.Reveal(), c.local)
	where := address.where
	if p == nil {
		p, where = checkToken(token.value.Reveal()), token.where
	}
	if p != nil {
		p.Key, p.Database = where, name
		return Credentials{}, *p
	}
	return Credentials{URL: u, Token: token.value, Version: token.version}, nil
}

// entry is a value with the place that a problem with it names.
type entry struct {
	value   secrets.Value
	version string
	where   string
}

// own reads the database's own keys.
func (d *Database) own(ctx context.Context, cache *secrets.Cache, read readFunc) (address, token entry, err error) {
	one := func(key string, s Secret) (entry, error) {
		e, err := s.read(ctx, cache, read)
		if err != nil {
			return entry{}, fmt.Errorf("reading %s of database %s: %w", key, d.Name, err)
		}
		return entry{e.Value, e.Version, "databases." + d.Name + "." + key}, nil
	}
	if address, err = one("url", d.URL); err != nil {
		return address, token, err
	}
	token, err = one("token", d.Token)
	return address, token, err
}

// fromBundle takes the database's credentials from the bundle; a URL of its own wins.
func (c *Config) fromBundle(ctx context.Context, cache *secrets.Cache, d *Database, read readFunc) (address, token entry, err error) {
	e, err := c.Bundle.read(ctx, cache, read)
	if err != nil {
		return address, token, fmt.Errorf("reading credentials: %w", err)
	}
	var bundle map[string]json.RawMessage
	if json.Unmarshal([]byte(e.Value.Reveal()), &bundle) != nil { // the error could quote the content
		return address, token, Problem{
			Key: "credentials", What: "is not a JSON object of databases", Database: d.Name, Cause: cause.ConfigInvalid,
			Example: `{"prod-cache": {"url": "https://your-instance.upstash.io", "token": "…"}}`,
		}
	}
	where := "credentials." + d.Name
	var pair struct{ URL, Token string }
	if raw, ok := bundle[d.Name]; ok && json.Unmarshal(raw, &pair) != nil {
		return address, token, Problem{
			Key: where, What: "is not an object with url and token", Database: d.Name, Cause: cause.ConfigInvalid,
			Example: `{"url": "https://your-instance.upstash.io", "token": "…"}`,
		}
	}
	address = entry{secrets.New(pair.URL), e.Version, where + ".url"}
	token = entry{secrets.New(pair.Token), e.Version, where + ".token"}
	if d.URL.IsSet() {
		if address, _, err = d.own(ctx, cache, read); err != nil {
			return address, token, err
		}
	}
	return address, token, nil
}
