package top

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/internal/redistest"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func TestParse(t *testing.T) {
	const stamp = "1339518083.107412"
	tests := []struct {
		name   string
		line   string
		cut    bool
		client string
		args   []string // nil for a line that cannot be read
	}{
		{"a command", stamp + ` [0 127.0.0.1:60866] "keys" "*"`, false, "127.0.0.1:60866", []string{"keys", "*"}},
		{"a client of IPv6", stamp + ` [0 [::1]:6379] "get" "a"`, false, "[::1]:6379", []string{"get", "a"}},
		{"a client on a socket with a space", stamp + ` [15 unix:/tmp/a b.sock] "get" "a"`, false, "unix:/tmp/a b.sock", []string{"get", "a"}},
		{"inside a script", stamp + ` [0 lua] "set" "x" "y"`, false, "lua", []string{"set", "x", "y"}},
		{"every escape", stamp + ` [0 a:1] "set" "\"\\\n\r\t\a\b\x00\xff" ""`, false, "a:1", []string{"set", "\"\\\n\r\t\a\b\x00\xff", ""}},
		{"brackets and quotes inside of arguments", stamp + ` [0 a:1] "set" "] \"x" "[0 b:2] "`, false, "a:1", []string{"set", `] "x`, "[0 b:2] "}},
		{"a value that was cut", stamp + ` [0 a:1] "set" "k" "half of`, true, "a:1", []string{"set", "k"}},
		{"a value that was cut inside of an escape", stamp + ` [0 a:1] "set" "k" "half\x`, true, "a:1", []string{"set", "k"}},
		{"half a line that was not cut", stamp + ` [0 a:1] "set" "k" "half of`, false, "", nil},
		{"no time", `[0 a:1] "get" "a"`, false, "", nil},
		{"no client", stamp + ` [0 ] "get" "a"`, false, "", nil},
		{"no command", stamp + ` [0 a:1] `, false, "", nil},
		{"a strange escape", stamp + ` [0 a:1] "get" "\xzz"`, false, "", nil},
		{"text between arguments", stamp + ` [0 a:1] "get"x"a"`, false, "", nil},
		{"OK", `"OK"`, false, "", nil},
		{"nothing", "", false, "", nil},
	}
	for _, tt := range tests {
		e, ok := parse(tt.line, tt.cut)
		if ok != (tt.args != nil) || ok && (e.client != tt.client || e.micros != 1339518083107412) {
			t.Errorf("%s: %+v, %v", tt.name, e, ok)
		}
		if diff := cmp.Diff(tt.args, e.args); ok && diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// quoted is a line of MONITOR in which every byte of an argument is escaped.
func quoted(client string, args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "1339518083.107412 [0 %s]", client)
	for _, a := range args {
		b.WriteString(` "`)
		for i := range len(a) {
			fmt.Fprintf(&b, `\x%02x`, a[i])
		}
		b.WriteByte('"')
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	f.Add(`1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`, "a", "b\n", false)
	f.Add(`1.000000 [0 lua] "eval" "return \"x\"" "0`, "", `\"`, true)
	f.Add("data: x", "\xff", " ", false)
	f.Fuzz(func(t *testing.T, line, a, b string, cut bool) {
		if e, ok := parse(line, cut); ok && (len(e.args) == 0 || len(e.args) > maxArguments) {
			t.Errorf("%d arguments of %q", len(e.args), line)
		}
		_ = read(strings.NewReader(line), func(e event) { newSampler().add(e) }, func() {})
		e, ok := parse(quoted("1.2.3.4:5", "GET", a, b), false)
		if diff := cmp.Diff([]string{"GET", a, b}, e.args); !ok || diff != "" {
			t.Errorf("what is quoted is read as something else:\n%s", diff)
		}
	})
}

func TestReadTakesBothProtocols(t *testing.T) {
	line := quoted("1.2.3.4:5", "GET", "a")
	long := quoted("1.2.3.4:5", "SET", "long", strings.Repeat("v", maxLine))
	tests := []struct {
		name       string
		stream     string
		commands   []string
		unreadable int
		refused    bool
	}{
		{"server-sent events", "data: \"OK\"\n\ndata: " + line + "\n\n:keep alive\n\nevent: x\nid: 7\ndata: " + line + "\n\n", []string{"GET", "GET"}, 0, false},
		{"events with line breaks of the network", "data:OK\r\n\r\ndata:" + line + "\r\n\r\n", []string{"GET"}, 0, false},
		{"events that are JSON strings", fmt.Sprintf("data: %q\n\n", line), []string{"GET"}, 0, false},
		{"Redis' protocol", "+OK\r\n+" + line + "\r\n", []string{"GET"}, 0, false},
		{"a value that is too long is skipped, and what follows is read", "+" + long + "\r\n+" + line + "\r\n", []string{"SET", "GET"}, 0, false},
		{"a line that ends with the stream is not read", "+" + line + "\r\n+" + line, []string{"GET"}, 0, false},
		{"what cannot be read is counted", "data: what is this\n\ndata: " + line + "\n\n", []string{"GET"}, 1, false},
		{"an error ends it", "+" + line + "\r\n-ERR secret\r\n", []string{"GET"}, 0, true},
		{"an error as an event ends it", "data: {\"error\":\"ERR secret\"}\n\n", nil, 0, true},
	}
	for _, tt := range tests {
		var got []string
		unreadable := 0
		err := read(strings.NewReader(tt.stream), func(e event) { got = append(got, e.args[0]) }, func() { unreadable++ })
		if diff := cmp.Diff(tt.commands, got); diff != "" || unreadable != tt.unreadable || (err == errRefused) != tt.refused || !tt.refused && err != io.EOF { //nolint:errorlint // exactly these
			t.Errorf("%s: %d unreadable, %v\n%s", tt.name, unreadable, err, diff)
		}
	}
}

func TestClientsAreToldByTheirAddress(t *testing.T) {
	for client, want := range map[string]string{
		"10.0.0.7:51234": "10.0.0.7", "[2001:db8::1]:6379": "2001:db8::1", "0.0.0.0:0": "REST", "lua": "script", "unix:/tmp/secret.sock": "other", "secret:1": "other", "": "other",
	} {
		if got := address(client); got != want {
			t.Errorf("%s is %s, want %s", client, got, want)
		}
	}
}

// What a real Redis prints is read as what it was sent.
func TestRealRedisIsUnderstood(t *testing.T) {
	server := redistest.Start(t)
	tcp, err := NewTCP(secrets.New("redis://"+server.Addr), nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := tcp.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	events := make(chan event)
	go func() {
		_ = read(stream, func(e event) { events <- e }, func() { t.Error("a line cannot be read") })
		close(events)
	}()
	next := func(name string) event {
		timeout := time.After(10 * time.Second)
		for {
			select {
			case e := <-events:
				if e.args[0] == name {
					return e
				}
			case <-timeout:
				t.Fatal("MONITOR shows nothing")
			}
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		key := string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(r, "key"))
		value := rapid.String().Draw(r, "value")
		server.Do("SET", key, value)
		if diff := cmp.Diff([]string{"SET", key, value}, next("SET").args); diff != "" {
			r.Errorf("(-sent +read):\n%s", diff)
		}
	})
	server.Do("EVAL", "return redis.call('incr', KEYS[1])", 1, "n")
	if e := next("EVAL"); address(e.client) != "127.0.0.1" {
		t.Errorf("the client is %s", e.client)
	}
	if e := next("incr"); address(e.client) != clientScript {
		t.Errorf("inside a script the client is %s", e.client)
	}
}
