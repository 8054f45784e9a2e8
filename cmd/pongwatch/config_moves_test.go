package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a move costs is said before it happens, and only then.
func TestConfigCheckSaysWhatAMoveCosts(t *testing.T) {
	const tokens = "credentials: [sm://projects/p/secrets/databases]\n"
	for _, tt := range []struct {
		name, before, after string
		want                []string // lines of moves
	}{
		{
			"the same", "regions: [us-east4]\ndatabases: [{name: a}]", "regions: [us-east4]\ndatabases: [{name: a}, {name: b}]",
			nil,
		},
		{
			"to another shard", "databases: [{name: a}, {name: b}]", "databases: [{name: a, shard: second}, {name: b}]",
			[]string{"move: a: moved from shard main to second; by how much counters grow between the last reading in the old shard and the first in the new one is lost, and the last hour of a database that was added within it; history, incidents and silences move along"},
		},
		{
			"the only region renamed", "regions: [us-east4]\ndatabases: [{name: a}]", "regions: [us-east5]\ndatabases: [{name: a}]",
			[]string{"move: a: home moved from us-east4 to us-east5; nothing is lost: uptime goes on with the pings from the old home"},
		},
		{
			"home moved to a region that watched it before", "regions: [us-east4, europe-west1]\nhome: us-east4\ndatabases: [{name: a}]", "regions: [us-east4, europe-west1]\nhome: europe-west1\ndatabases: [{name: a}]",
			[]string{"move: a: home moved from us-east4 to europe-west1; uptime and error budget count the pings from the new home alone"},
		},
		{
			"the old home is given up for a region that watched it before", "regions: [us-east4, europe-west1]\nhome: us-east4\ndatabases: [{name: a}]", "regions: [europe-west1]\ndatabases: [{name: a}]",
			[]string{"move: a: home moved from us-east4 to europe-west1; uptime and error budget count the pings from the new home alone"},
		},
		{
			"another region renamed", "regions: [us-east4, europe-west1]\nhome: us-east4\ndatabases: [{name: a}]", "regions: [us-east4, europe-west4]\nhome: us-east4\ndatabases: [{name: a}]",
			[]string{"move: a: no longer watched from europe-west1; the pings from there stay on the pages while their range has some, and do not count as another region's"},
		},
		{
			"seven names changed are one line", "databases: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: f}, {name: g}, {name: h}]", "databases: [{name: h}, {name: z}]",
			[]string{"move: a, b, c, d, e and 2 more: no longer watched; the history expires, and open incidents close without credit to the uptime; under another name a database begins without history"},
		},
	} {
		dir := t.TempDir()
		file := func(name, text string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(tokens+text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{"config", "check", "--against", file("before.yaml", tt.before), file("after.yaml", tt.after)}, &stdout, &stderr); code != exitOK {
			t.Errorf("%s: exit code %d, want %d, since a move is no problem\n%s%s", tt.name, code, exitOK, &stdout, &stderr)
		}
		var got []string
		for line := range strings.Lines(stdout.String()) {
			if strings.HasPrefix(line, "move: ") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
}

func TestConfigCheckAgainstWhatCannotBeRead(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.yaml")
	if err := os.WriteFile(empty, []byte("databases: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{empty: "--against " + empty + ": the configuration cannot be used: ", empty + ".none": "no such file"} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"config", "check", "--against", file, "../../examples/config/complete.yaml"}, &stdout, &stderr)
		if code != exitFailed || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: exit code %d, %s; want %d and %q", file, code, &stderr, exitFailed, want)
		}
	}
}
