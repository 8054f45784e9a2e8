package version_test

import (
	"os"
	"regexp"
	"runtime"
	"testing"

	"github.com/pongwatch/pongwatch/shared/version"
)

func TestTheReleaseIsTheNewestOfTheChangelog(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	newest := regexp.MustCompile(`(?m)^## (v\d+\.\d+\.\d+), \d{4}-\d{2}-\d{2}$`).FindSubmatch(text)
	if newest == nil {
		t.Fatal("CHANGELOG.md has no heading such as \"## v0.1.0, 2026-11-29\"")
	}
	if got := string(newest[1]); got != version.Release {
		t.Errorf("CHANGELOG.md's newest release is %s, and version.Release is %s", got, version.Release)
	}
}

func TestABuildSaysWhatItIs(t *testing.T) {
	if b := version.Read(); b.Version != version.Release || b.Go != runtime.Version() {
		t.Errorf("Read() = %+v", b)
	}
	for want, b := range map[string]version.Build{
		"v1.2.3 (go1.26.8)":                 {Version: "v1.2.3", Go: "go1.26.8"},
		"v1.2.3 (commit abc1234, go1.26.8)": {Version: "v1.2.3", Commit: "abc1234", Go: "go1.26.8"},
	} {
		if got := b.String(); got != want {
			t.Errorf("%+v is %q, want %q", b, got, want)
		}
	}
}
