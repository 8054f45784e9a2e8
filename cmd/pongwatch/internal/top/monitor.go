package top

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"regexp"
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

// heading is what stands before the arguments: seconds, microseconds and the client.
var heading = regexp.MustCompile(`^(\d{1,12})\.(\d{6}) \[\d+ (.+?)\] "`)

// parse reads a line such as `1339518083.107412 [0 127.0.0.1:60866] "get" "key"`. A line that was
// cut may end inside an argument.
func parse(line string, cut bool) (e event, ok bool) {
	found := heading.FindStringSubmatch(line)
	if found == nil {
		return e, false
	}
	e.micros, _ = strconv.ParseInt(found[1]+found[2], 10, 64) // 18 digits at most
	e.client = found[3]
	rest := line[len(found[0])-len(` "`):]
	for rest != "" && len(e.args) < maxArguments {
		quoted, spaced := strings.CutPrefix(rest, " ")
		arg, err := strconv.QuotedPrefix(quoted) // Go has each escape of Redis' sdscatrepr
		if !spaced || err != nil || arg[0] != '"' {
			return e, cut && len(e.args) > 0
		}
		rest = quoted[len(arg):]
		arg, _ = strconv.Unquote(arg)
		e.args = append(e.args, arg)
	}
	return e, true
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
