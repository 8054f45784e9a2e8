package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func get(t *testing.T, c *http.Client, address string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err == nil {
		t.Cleanup(func() { _ = resp.Body.Close() })
	}
	return resp, err
}

func TestClientReachesOnlyItsHosts(t *testing.T) {
	tests := []struct {
		name    string
		options outbound.Options
		url     string
		allowed bool
	}{
		{"its host", outbound.Options{Hosts: []string{"slack.test"}}, "https://slack.test/api", true},
		{"its host in capitals", outbound.Options{Hosts: []string{"slack.test"}}, "https://SLACK.test/api", true},
		{"its host, which is given in capitals", outbound.Options{Hosts: []string{"Slack.test"}}, "https://Slack.test/api", true},
		{"another host", outbound.Options{Hosts: []string{"slack.test"}}, "https://evil.test/api", false},
		{"a host that only ends like its own", outbound.Options{Hosts: []string{"slack.test"}}, "https://notslack.test/", false},
		{"plain http", outbound.Options{Hosts: []string{"slack.test"}}, "http://slack.test/api", false},
		{"a name below a wildcard", outbound.Options{Hosts: []string{"*.upstash.test"}}, "https://eu1.upstash.test/ping", true},
		{"the wildcard's own name", outbound.Options{Hosts: []string{"*.upstash.test"}}, "https://upstash.test/ping", false},
		{"the host in the user part", outbound.Options{Hosts: []string{"slack.test"}}, "https://slack.test@evil.test/", false},
		{"loopback is not allowed by itself", outbound.Options{Hosts: []string{"slack.test"}}, "http://127.0.0.1:1/", false},
		{"the zero value reaches nothing", outbound.Options{}, "https://slack.test/", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// The proxy knows no name below .test, so that what is allowed fails later, in another way.
			_, err := get(t, outbound.NewClient(tt.options), tt.url)
			if !errors.Is(err, outbound.ErrNotSent) {
				t.Errorf("error %v, want ErrNotSent", err)
			}
			if got := !errors.Is(err, outbound.ErrForbidden); got != tt.allowed {
				t.Errorf("allowed = %v, want %v (%v)", got, tt.allowed, err)
			}
		})
	}
}

func TestClientFollowsNoRedirect(t *testing.T) {
	var reached bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	resp, err := get(t, outbound.NewClient(outbound.Options{AllowLoopback: true}), srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusTemporaryRedirect || reached {
		t.Errorf("status %d, reached the target: %v; want 307, false", resp.StatusCode, reached)
	}
}

func TestClientTellsWhetherTheRequestWasSent(t *testing.T) {
	reset := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer reset.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	client := outbound.NewClient(outbound.Options{AllowLoopback: true})

	_, err := get(t, client, reset.URL)
	if err == nil || errors.Is(err, outbound.ErrNotSent) {
		t.Errorf("connection dropped after the request: %v, want an error that is not ErrNotSent", err)
	}
	_, err = get(t, client, gone.URL)
	if !errors.Is(err, outbound.ErrNotSent) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("refused: %v, want an ErrNotSent", err)
	}
}

func TestTimeLimitsSayWhetherTheRequestWasSent(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer slow.Close()
	// A listener that accepts nothing: TLS never begins.
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	client := outbound.NewClient(outbound.Options{AllowLoopback: true, Timeout: 100 * time.Millisecond})

	if _, err := get(t, client, silent.URL); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, outbound.ErrNotSent) {
		t.Errorf("no answer: %v, want a deadline of a request that was sent", err)
	}
	if _, err := get(t, client, "https://"+deaf.Addr().String()); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, outbound.ErrNotSent) {
		t.Errorf("no connection: %v, want a deadline of a request that was not sent", err)
	}
	resp, err := get(t, client, slow.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := outbound.ReadAll(resp.Body, 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the body never ends: %v, want a deadline", err)
	}
}

func TestClientDistrustsAForeignCertificate(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	defer srv.Close()
	_, err := get(t, outbound.NewClient(outbound.Options{AllowLoopback: true}), srv.URL)
	if !errors.Is(err, outbound.ErrNotSent) {
		t.Errorf("foreign certificate: %v, want ErrNotSent", err)
	}
}

func TestPublicOnlyJudgesTheAddressAndNotTheName(t *testing.T) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	port := netip.MustParseAddrPort(srv.Listener.Addr().String()).Port()
	// localhost stands for any name that resolves to where it should not.
	address := fmt.Sprintf("https://localhost:%d/", port)
	_, err := get(t, outbound.NewClient(outbound.Options{Hosts: []string{"*"}, PublicOnly: true}), address)
	if !errors.Is(err, outbound.ErrForbidden) {
		t.Errorf("connecting to loopback: %v, want ErrForbidden", err)
	}
	for _, ip := range []string{"10.0.0.1", "169.254.169.254", "[fd00::1]", "100.64.0.1", "[::ffff:10.0.0.1]", "[64:ff9b::a9fe:a9fe]", "0.0.0.0"} {
		_, err := get(t, outbound.NewClient(outbound.Options{Hosts: []string{"*"}, PublicOnly: true}), "https://"+ip+"/")
		if !errors.Is(err, outbound.ErrForbidden) {
			t.Errorf("connecting to %s: %v, want ErrForbidden", ip, err)
		}
	}
}

func TestReadAllIsBounded(t *testing.T) {
	b, err := outbound.ReadAll(strings.NewReader("12345"), 5)
	if string(b) != "12345" || err != nil {
		t.Errorf("ReadAll = %q, %v", b, err)
	}
	b, err = outbound.ReadAll(strings.NewReader("123456"), 5)
	if string(b) != "12345" || err == nil || err.Error() != "reading body: more than 5 bytes" {
		t.Errorf("ReadAll = %q, %v, want the beginning and an error", b, err)
	}
	if b, err = outbound.ReadAll(iotest.ErrReader(io.ErrUnexpectedEOF), 5); len(b) != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("ReadAll = %q, %v, want the reader's error", b, err)
	}
}

const canary = "S3cr3t/C4n4ry+x="

func TestRedact(t *testing.T) {
	known := []secrets.Value{secrets.New(canary), secrets.New("abc"), {}, secrets.New("inner-secret"), secrets.New("outer-inner-secret"), secrets.New("123456"), secrets.New("98765"), secrets.New("AX8sASQgN2M0LWFi=="), secrets.New(`a"b<c&d`)}
	tests := []struct{ name, text, want string }{
		{"a known secret", "token " + canary + "!", "token [redacted]!"},
		{"escaped for a query", "?x=" + url.QueryEscape(canary), "?x=[redacted]"},
		{"escaped for a path", "/" + url.PathEscape(canary), "/[redacted]"},
		{"one inside another leaves no rest", "token outer-inner-secret, inner-secret", "token [redacted], [redacted]"},
		{"the shortest", "a 123456 b", "a [redacted] b"},
		{"one character less is no secret", "a 98765 b", "a 98765 b"},
		{"a short one does not tear words apart", "abcde", "abcde"},
		{"a bot token", "bad token xoxb-12-34-abCD here", "bad token [redacted] here"},
		{"a Slack webhook", `Post "https://hooks.slack.com/services/T0/B0/xyz": EOF`, `Post "https://hooks.slack.com/[redacted]": EOF`},
		{"its path on another host", "http://127.0.0.1:9/services/T0AB/B0CD/xyz9", "http://127.0.0.1:9/services/[redacted]"},
		{"a bearer token", "Authorization: Bearer AbCdEf123==", "Authorization: Bearer [redacted]"},
		{"a token in a query", "https://x.upstash.io/ping?_token=AbC&y=1", "https://x.upstash.io/ping?_token=[redacted]&y=1"},
		{"a webhook key", "whsec_abc+/=", "[redacted]"},
		{"an invisible character inside", "token " + canary[:5] + "\u200b" + canary[5:] + "!", "token [redacted]!"},
		{"without its padding", "token AX8sASQgN2M0LWFi!", "token [redacted]!"},
		{"as some write JSON", `{"t":"AX8sASQgN2M0LWFi\u003d\u003d"}`, `{"t":"[redacted]\u003d\u003d"}`},
		{"a password in JSON", `{"p":"a\"b\u003cc\u0026d"}`, `{"p":"[redacted]"}`},
		{"a password in HTML", `<p>a&#34;b&lt;c&amp;d</p>`, `<p>[redacted]</p>`},
		{"a Slack webhook in JSON", `"https:\/\/hooks.slack.com\/services\/T0\/B0\/xyz"`, `"https:\/\/hooks.slack.com/[redacted]"`},
		{"a Slack webhook in a query", "?to=https%3A%2F%2Fhooks.slack.com%2Fservices%2FT0%2FB0%2Fxyz", "?to=https%3A%2F%2Fhooks.slack.com/[redacted]"},
		{"a bearer token in quotes", `Authorization: Bearer "AbCdEf123=="`, `Authorization: Bearer [redacted]"`},
		{"a variable", "MOCK MODE: UPSTASH_REDIS_REST_TOKEN=AX8sASQg is refused", "MOCK MODE: UPSTASH_REDIS_REST_TOKEN=[redacted] is refused"},
		{"a variable that a script could not fill", "UPSTASH_REDIS_REST_TOKEN=undefined", "UPSTASH_REDIS_REST_TOKEN=undefined"},
		{"a variable without a value", "TOKEN=$(gcloud auth print-identity-token) API_KEY=${KEY}", "TOKEN=$(gcloud auth print-identity-token) API_KEY=${KEY}"},
		{"an app's settings", `{"url":"https://a","password":"hunter2-xyz"}`, `{"url":"https://a","password":"[redacted]"}`},
		{"what is wrong with a token stays", `token: sm://projects/p/secrets/s is empty`, `token: sm://projects/p/secrets/s is empty`},
		{"a slash in a password", "redis://default:AX/8s+A@host:6379", "redis://[redacted]@host:6379"},
		{"credentials in a URL", "redis://default:pass@host:6379", "redis://[redacted]@host:6379"},
		{"ordinary text stays", "timeout after 5000 ms (2 of 2 runs)", "timeout after 5000 ms (2 of 2 runs)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := outbound.Redact(tt.text, known...); got != tt.want {
				t.Errorf("Redact = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestErrorKeepsTheReasonAndNotTheAddress(t *testing.T) {
	client := outbound.NewClient(outbound.Options{AllowLoopback: true, Timeout: 100 * time.Millisecond})
	_, err := get(t, client, "http://127.0.0.1:1/services/"+url.PathEscape(canary)+"?k="+url.QueryEscape(canary))
	if err == nil {
		t.Fatal("port 1 answers")
	}
	clean := outbound.Error(fmt.Errorf("posting: %w", err))
	if !errors.Is(clean, syscall.ECONNREFUSED) || !errors.Is(clean, outbound.ErrNotSent) {
		t.Errorf("%v: the reason is lost", clean)
	}
	if want := "posting: Get http://127.0.0.1:1: request not sent: dial tcp 127.0.0.1:1: connect: connection refused"; clean.Error() != want {
		t.Errorf("text %q, want %q", clean, want)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", clean, clean, clean), "C4n4ry") {
		t.Errorf("leaks: %#v", clean)
	}

	_, err = url.Parse(secrets.New("https://host/" + canary + "\n").Reveal())
	if clean := outbound.Error(err); clean.Error() != "parsing an address: it is not a valid URL" {
		t.Errorf("a parse error says %v", clean)
	}
	for address, want := range map[string]string{
		"https://h.example.com/" + canary: "posting: Get https://h.example.com: no https://h.example.com",
		"mailto:" + canary:                "posting: Get [redacted]: no [redacted]",
		"https://h.example.com/%zz":       "posting: Get [redacted]: no [redacted]",
	} {
		clean := outbound.Error(fmt.Errorf("posting: %w", &url.Error{Op: "Get", URL: address, Err: errors.New("no " + address)}))
		if clean.Error() != want {
			t.Errorf("text %q, want %q", clean, want)
		}
		if u, ok := errors.AsType[*url.Error](clean); ok {
			t.Errorf("the address can be had by errors.As: %v", u)
		}
	}
	if outbound.Error(nil) != nil {
		t.Error("Error(nil) is not nil")
	}
}

func TestAddressRedactsThePartsOfASecretURL(t *testing.T) {
	known := outbound.Address(secrets.New("https://hooks.example.com/services/c4n4ryS3cret?key=An0therS3cret\n"))
	text := "no such hook: c4n4ryS3cret, An0therS3cret, /services/c4n4ryS3cret?key=An0therS3cret on services"
	if got, want := outbound.Redact(text, known...), "no such hook: [redacted], [redacted], [redacted] on services"; got != want {
		t.Errorf("Redact = %q, want %q", got, want)
	}
}

func TestAddressRedactsExactly(t *testing.T) {
	tests := []struct{ name, address, text, want string }{
		{"a path of seven characters", "https://h/abcdef", "see /abcdef", "see [redacted]"},
		{"a path of six characters", "https://h/abcde", "see /abcde", "see /abcde"},
		{"a part of twelve characters", "https://h/abcdefghijkl/x", "see abcdefghijkl", "see [redacted]"},
		{"a part of eleven characters", "https://h/abcdefghijk/x", "see abcdefghijk", "see abcdefghijk"},
	}
	for _, tt := range tests {
		if got := outbound.Redact(tt.text, outbound.Address(secrets.New(tt.address))...); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("before ", " after")
	f.Add("https://x/?token=", "&y")
	f.Add("Bearer ", "")
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(before+"."+after, "C4n4ry") {
			return
		}
		if got := outbound.Redact(before+canary+after, secrets.New(canary)); strings.Contains(got, "C4n4ry") {
			t.Errorf("leaks: %q", got)
		}
	})
}
