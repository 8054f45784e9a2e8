// Package goreleaserlint checks .goreleaser.yaml by goreleaser's own reader.
package goreleaserlint

import (
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

func TestTheReleaseIsConfiguredAsGoreleaserReadsIt(t *testing.T) {
	if _, err := config.Load("../../../.goreleaser.yaml"); err != nil {
		t.Fatal(err)
	}
}
