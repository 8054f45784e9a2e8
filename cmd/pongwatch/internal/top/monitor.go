package top

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
)

const (
	// maxLine bounds a line of MONITOR. What is longer is a large value, whose end is skipped.
	maxLine = 64 << 10
	// maxArguments is how many arguments of a command are read: keys are among the first.
	maxArguments = 32
)

// event is a command that MONITOR shows.
type event struct {
	// micros is Redis' time, in microseconds since 1970.
	micros int64
	// client is its address, "lua" for a command inside a script.
	client string
	// args are the name and the first arguments, with their quotes taken off. They never leave
	// this package, and nothing keeps them.
	args []string
}

// parse reads a line such as `1339518083.107412 [0 127.0.0.1:60866] "get" "key"`. A line that was
// cut may end inside an argument.
func parse(line string, cut bool) (e event, ok bool) {
	stamp, rest, ok := strings.Cut(line, " [")
	if !ok {
		return e, false
	}
	seconds, fraction, ok := strings.Cut(stamp, ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	if !ok || err != nil || s < 0 || s > 1<<40 || len(fraction) != 6 {
		return e, false
	}
	f, err := strconv.ParseUint(fraction, 10, 32)
	if err != nil {
		return e, false
	}
	e.micros = s*1e6 + int64(f)
	place, rest, ok := strings.Cut(rest, `] "`)
	database, client, found := strings.Cut(place, " ")
	if _, err := strconv.ParseUint(database, 10, 32); !ok || !found || err != nil || client == "" {
		return e, false
	}
	e.client = client
	for len(e.args) < maxArguments {
		arg, after, ok := unquote(rest)
		if !ok && !cut {
			return e, false
		}
		if !ok {
			break
		}
		e.args = append(e.args, arg)
		if after == "" {
			break
		}
		if rest, ok = strings.CutPrefix(after, ` "`); !ok {
			if cut {
				break
			}
			return e, false
		}
	}
	return e, len(e.args) > 0
}

// unquote returns what is inside of quotes whose first one is already taken off, and what is
// behind the last one. The escapes are those of Redis' sdscatrepr.
func unquote(s string) (arg, rest string, ok bool) {
	end := strings.IndexAny(s, `"\`)
	if end < 0 {
		return "", "", false
	}
	if s[end] == '"' {
		return s[:end], s[end+1:], true
	}
	b := []byte(s[:end])
	for i := end; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return string(b), s[i+1:], true
		case s[i] != '\\':
			b = append(b, s[i])
		case i+1 >= len(s):
			return "", "", false
		case s[i+1] == 'x':
			if i+3 >= len(s) {
				return "", "", false
			}
			n, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
			if err != nil {
				return "", "", false
			}
			b = append(b, byte(n))
			i += 3
		default:
			i++
			if at := strings.IndexByte("nrtab", s[i]); at >= 0 {
				b = append(b, "\n\r\t\a\b"[at])
			} else {
				b = append(b, s[i])
			}
		}
	}
	return "", "", false
}

// address returns a client's address without its port, which is new with every connection.
func address(client string) string {
	switch host, _, err := net.SplitHostPort(client); {
	case client == "lua":
		return clientScript
	case err != nil:
		return clientOther
	case host == "0.0.0.0":
		return clientREST
	case net.ParseIP(host) == nil:
		return clientOther
	default:
		return host
	}
}

// What stands for a client that has no address of its own.
const (
	clientREST   = "REST"
	clientScript = "script"
	clientOther  = "other"
)

// errRefused is a server that ends the stream with an error. Its text may quote a command.
var errRefused = errors.New("the server ended MONITOR with an error")

// read reads lines until the stream ends: of server-sent events, or of Redis' own protocol.
func read(r io.Reader, found func(event), unreadable func()) error {
	b := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := b.ReadSlice('\n')
		cut := errors.Is(err, bufio.ErrBufferFull)
		text := strings.TrimRight(string(line), "\r\n")
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = b.ReadSlice('\n')
		}
		if err != nil && !cut {
			return err // what stands before the end is no whole line
		}
		payload, isData := strings.CutPrefix(text, "data:")
		payload = strings.TrimPrefix(strings.TrimPrefix(payload, " "), "+")
		switch {
		case payload == "" || payload == "OK" || payload == `"OK"`:
		case !isData && (text[0] == ':' || strings.HasPrefix(text, "event:") || strings.HasPrefix(text, "id:") || strings.HasPrefix(text, "retry:")):
		case payload[0] == '-' || strings.HasPrefix(payload, `{"error"`):
			return errRefused
		default:
			if payload[0] == '"' {
				_ = json.Unmarshal([]byte(payload), &payload) // else it is no line of MONITOR
			}
			if e, ok := parse(payload, cut); ok {
				found(e)
			} else {
				unreadable()
			}
		}
		if err != nil {
			return err
		}
	}
}
