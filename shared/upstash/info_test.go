package upstash

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func infoSample(tb testing.TB) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "info.txt"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func known(n int64) Count { return Count{N: n, Known: true} }

func TestParseInfo(t *testing.T) {
	want := Info{
		MaxmemoryPolicy: "noeviction", LocalMember: "10.16.8.4",
		DataSize: known(2048), MaxDataSize: known(268435456), UsedMemory: known(1024), Maxmemory: known(67108864),
		Keys: known(15), Connections: known(1), OpsPerSecond: known(3), MaxConnections: known(10000),
		Commands: known(9001), Reads: known(4000), Writes: known(5000), Hits: known(700), Misses: known(300),
		ExpiredKeys: known(12), EvictedKeys: known(0),
	}
	crlf := infoSample(t)
	if !strings.Contains(crlf, "\r\n") {
		t.Fatal("the sample has lost its CRLF")
	}
	for name, text := range map[string]string{"CRLF, as Upstash sends it": crlf, "LF": strings.ReplaceAll(crlf, "\r\n", "\n")} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, parseInfo(text)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseInfoIsDefensive(t *testing.T) {
	tests := []struct {
		name, text string
		want       Info
	}{
		{"nothing", "", Info{}},
		{"a heading only, as for an unknown section", "# Memory\r\n", Info{}},
		{"one section", "# Stats\r\nkeyspace_hits:7\r\n", Info{Hits: known(7)}},
		{"unknown fields", "new_field:1\r\nkeyspace_hits:7\r\n", Info{Hits: known(7)}},
		{"a value that is no number", "keyspace_hits:many\r\nkeyspace_misses:-1\r\n", Info{}},
		{"a number above 64 bits", "total_data_size:99999999999999999999\r\n", Info{}},
		{"white space", " keyspace_hits : 7 \n", Info{}},
		{"a value with a colon", "local_member:10.0.0.1:6379\n", Info{LocalMember: "10.0.0.1:6379"}},
		{"the last valid value counts", "keyspace_hits:1\nkeyspace_hits:2\nkeyspace_hits:x\n", Info{Hits: known(2)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parseInfo(tt.text)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add(infoSample(f))
	f.Add("# Memory\r\nused_memory:1\r\nmaxmemory")
	f.Fuzz(func(t *testing.T, text string) {
		info := parseInfo(text)
		for _, c := range []Count{info.DataSize, info.MaxDataSize, info.Hits, info.Misses, info.Commands} {
			if c.N < 0 || !c.Known && c.N != 0 {
				t.Errorf("count %+v", c)
			}
		}
	})
}

func BenchmarkParseInfo(b *testing.B) {
	text := infoSample(b)
	b.ReportAllocs()
	for b.Loop() {
		parseInfo(text)
	}
}

// A name that INFO gives becomes a label and evidence: it is a short line.
func TestNamesOfInfoAreShortLines(t *testing.T) {
	i := parseInfo("maxmemory_policy:\x1b[31mno\u202eeviction=?utf-8?q?x?=\r\nlocal_member:" + strings.Repeat("r", 1000) + "\r\n")
	if strings.ContainsAny(i.MaxmemoryPolicy, "\x1b\u202e") || strings.Contains(i.MaxmemoryPolicy, "=?") || len(i.LocalMember) > 100 {
		t.Errorf("read %q and %d bytes", i.MaxmemoryPolicy, len(i.LocalMember))
	}
}
