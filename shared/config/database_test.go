package config_test

import (
	"testing"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func TestWithoutTLSIsSaidByTheDatabasesOwnURL(t *testing.T) {
	ref, err := secrets.ParseRef("sm://projects/p/secrets/url")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		url  config.Secret
		want bool
	}{
		{"a loopback emulator", config.Inline("http://127.0.0.1:8079"), true},
		{"Upstash", config.Inline("https://merry-cat-32748.upstash.io"), false},
		{"a reference, not read yet", config.Reference(ref), false},
		{"no URL", config.Secret{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := (&config.Database{URL: tc.url}).WithoutTLS(); got != tc.want {
				t.Errorf("WithoutTLS() = %v, want %v", got, tc.want)
			}
		})
	}
}
