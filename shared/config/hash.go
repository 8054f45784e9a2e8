package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Hash identifies the receiver's settings, as [Config.Hash] does all of them.
func (r *Receiver) Hash() string { return hash(r) }

// Hash identifies the configuration in reports and sign-offs: twelve hexadecimal
// digits that change with any setting, a reference or a default, but not with order
// of keys, comments or the content of a secret.
func (c *Config) Hash() string {
	type address struct{ Name, URL string }
	var addresses []address // in clear, of databases: no secret, but printed as one
	for _, d := range c.Databases {
		addresses = append(addresses, address{d.Name, d.URL.value.Reveal()})
	}
	return hash(struct {
		Config    *Config
		Addresses []address
	}{c, addresses})
}

func hash(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("config: encoding for the hash: %v", err)) // no type of Config can fail to encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}
