package upstash

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/pongwatch/pongwatch/shared/cause"
)

func TestClassifyAnswers(t *testing.T) {
	const json = "application/json"
	tests := []struct {
		name        string
		status      int
		contentType string
		body        string
		want        cause.Cause
	}{
		{"today's refusal of a token", 401, json, `{"error":"WRONGPASS invalid or missing auth token. See https://docs.upstash.com/redis/troubleshooting/http_unauthorized for details."}`, cause.AuthInvalid},
		{"the refusal until 2023", 401, json, `{"error":"Unauthorized"}`, cause.AuthInvalid},
		{"a refusal that kept its text but lost its status", 200, json, `{"error":"WRONGPASS invalid password"}`, cause.AuthInvalid},
		{"the TCP side's refusal", 400, json, `{"error":"NOAUTH Authentication required"}`, cause.AuthInvalid},
		{"a 401 without a text", 401, "", "", cause.AuthInvalid},
		{"a 401 with an unknown text", 401, json, `{"error":"go away"}`, cause.AuthInvalid},
		{"a gateway's login page", 401, "text/html; charset=utf-8", "<html>Sign in</html>", cause.NotUpstash},
		{"a disabled user", 401, json, `{"error":"WRONGPASS invalid username-password pair or user is disabled"}`, cause.AuthUserDisabled},
		{"an ACL user that is gone", 400, json, `{"error":"ERR Wrong password or user \"bob\" does not exist"}`, cause.AuthUserDisabled},
		{"a write with the read-only token", 400, json, `{"error":"NOPERM this user has no permissions to run the 'set' command or its subcommand"}`, cause.ReadonlyToken},
		{"a limit that is not named", 400, json, `{"error":"ERR  exceeded"}`, cause.RedisError},
		{"the month's quota", 400, json, `{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500002. See https://upstash.com/docs"}`, cause.QuotaMonthly},
		{"the month's quota as 429", 429, json, `{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500002."}`, cause.QuotaMonthly},
		{"the month's quota as 200", 200, json, `{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500002."}`, cause.QuotaMonthly},
		{"the old plans' daily quota", 400, json, `{"error":"ERR max daily request limit exceeded. Limit: 10000, Usage: 10001."}`, cause.QuotaDaily},
		{"a full database", 400, json, `{"error":"ERR DB capacity quota exceeded. Threshold: 268435456 bytes, Usage: 274604636 bytes."}`, cause.StorageFull},
		{"a full Redis behind a gateway", 400, json, `{"error":"OOM command not allowed when used memory > 'maxmemory'."}`, cause.StorageFull},
		{"a write during an upgrade", 400, json, `{"error":"READONLY Writes are temporarily rejected due to server upgrade"}`, cause.WritePaused},
		{"a request that is too big", 400, json, `{"error":"ERR max request size exceeded. Limit: 10485760 bytes, Actual: 11245919 bytes."}`, cause.RequestTooBig},
		{"a record that is too big", 400, json, `{"error":"ERR max single record size exceeded"}`, cause.RequestTooBig},
		{"a key that is too big", 400, json, `{"error":"ERR max key size exceeded. Limit: 32768 bytes, Actual: 40000 bytes"}`, cause.RequestTooBig},
		{"a 413 of an edge", 413, "", "", cause.RequestTooBig},
		{"a command that Upstash lacks", 400, json, `{"error":"ERR Command is not available: 'SLOWLOG'. See https://upstash.com/docs/redis/overall/rediscompatibility for details"}`, cause.CommandBlocked},
		{"a command that REST lacks", 400, json, `{"error":"ERR Command \"MULTI\" is not allowed in REST or it has a special context path"}`, cause.CommandBlocked},
		{"too many TCP clients are no throttling", 400, json, `{"error":"ERR max concurrent connections exceeded"}`, cause.ConnectionsFull},
		{"too many TCP clients in Redis' own words", 400, json, `{"error":"ERR max number of clients reached"}`, cause.ConnectionsFull},
		{"too many commands a second", 400, json, `{"error":"ERR max commands per second exceeded"}`, cause.Throttled},

		{"suspended over the budget", 400, json, `{"error":"ERR This database has been suspended for exceeding the defined budget limit. Please increase budget or switch to a Fixed plan on Upstash Console"}`, cause.QuotaSuspended},
		{"suspended, with another status", 403, json, `{"error":"ERR This database has been suspended for exceeding the defined budget limit."}`, cause.QuotaSuspended},
		{"suspended for another reason", 400, json, `{"error":"ERR Your account is suspended. See billing"}`, cause.QuotaSuspended},
		{"a budget in the next wording", 200, json, `{"error":"ERR Database budget reached"}`, cause.QuotaSuspended},
		{"throttled over the budget", 400, json, `{"error":"ERR This database is throttled since its budget is reached"}`, cause.QuotaSuspended},
		{"blocked without a reason", 400, json, `{"error":"ERR This database is blocked"}`, cause.QuotaSuspended},
		{"the fixed plan's limits", 400, json, `{"error":"ERR This database has reached current Fixed plan limits. Please upgrade manually or enable auto upgrade on Upstash Console"}`, cause.QuotaPlan},
		{"the free plan's limits as 403", 403, json, `{"error":"ERR This database has reached current Free plan limits."}`, cause.QuotaPlan},
		{"the plan's limits as 503", 503, json, `{"error":"ERR Your plan has no bandwidth left"}`, cause.QuotaPlan},
		{"a bandwidth limit in the documentation's form", 400, json, `{"error":"ERR max bandwidth limit exceeded. Limit: 10 GB"}`, cause.QuotaPlan},
		{"blocked for its bandwidth", 400, json, `{"error":"ERR Your database is blocked, its bandwidth quota is used up"}`, cause.QuotaPlan},
		{"rate-limited", 400, json, `{"error":"ERR Your database has been temporarily rate-limited, please contact support@upstash.com for further details."}`, cause.QuotaRateLimited},
		{"rate-limited as 429", 429, json, `{"error":"ERR Your database has been temporarily rate limited"}`, cause.QuotaRateLimited},
		{"throttled as a whole", 400, json, `{"error":"ERR This database is being throttled"}`, cause.QuotaRateLimited},
		{"a text about a database that stops nothing", 400, json, `{"error":"ERR invalid database index"}`, cause.RedisError},
		{"a text that quotes a stop", 400, json, `{"error":"ERR invalid argument near 'this database has been suspended'"}`, cause.RedisError},
		{"a fourth word is no subject", 400, json, `{"error":"ERR cannot open the database limit"}`, cause.RedisError},

		{"a server that starts", 400, json, `{"error":"LOADING Redis is loading the dataset in memory"}`, cause.ProviderUnready},
		{"a replica without its primary", 400, json, `{"error":"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."}`, cause.ProviderUnready},
		{"a cluster that is down", 503, json, `{"error":"CLUSTERDOWN The cluster is down"}`, cause.ProviderUnready},
		{"a cluster that moves slots", 400, json, `{"error":"TRYAGAIN Multiple keys request during rehashing of slot"}`, cause.ProviderUnready},
		{"a server that cannot save", 400, json, `{"error":"MISCONF Errors writing to the AOF file"}`, cause.ProviderUnready},
		{"a write without enough replicas", 400, json, `{"error":"NOREPLICAS Not enough good replicas to write."}`, cause.WritePaused},
		{"a text that quotes a code", 400, json, `{"error":"ERR unknown subcommand 'LOADING'"}`, cause.RedisError},
		{"too many requests", 429, "", "", cause.Throttled},
		{"an unknown error text", 400, json, `{"error":"ERR wrong number of arguments for 'get' command"}`, cause.RedisError},
		{"an unknown text that quotes a known one", 400, json, `{"error":"ERR unknown argument 'DB capacity quota exceeded'"}`, cause.RedisError},
		{"an empty error text", 400, json, `{"error":""}`, cause.RedisError},
		{"an edge's error page", 502, "text/html", "<html><h1>502 Bad Gateway</h1></html>", cause.Provider5xx},
		{"a server error with a text", 500, json, `{"error":"ERR internal"}`, cause.Provider5xx},
		{"a quota text with a server status", 503, json, `{"error":"ERR max requests limit exceeded. Limit: 1, Usage: 2."}`, cause.QuotaMonthly},
		{"a captive portal", 200, "text/html", "<!doctype html><title>Welcome</title>", cause.NotUpstash},
		{"PONG in base64, which was not asked for", 200, json, `{"result":"UE9ORw=="}`, cause.NotUpstash},
		{"PONG without JSON", 200, "text/plain", "PONG", cause.NotUpstash},
		{"no PONG", 200, json, `{"result":null}`, cause.NotUpstash},
		{"an empty 200", 200, "", "", cause.NotUpstash},
		{"an empty 204", 204, "", "", cause.NotUpstash},
		{"a redirect", 302, "", "", cause.NotUpstash},
		{"a page that is not there", 404, "text/plain", "not found", cause.NotUpstash},
		{"another service's word for that", 404, json, `{"error":"Not Found"}`, cause.NotUpstash},
		{"a gateway that refuses", 403, json, `{"error":"Forbidden"}`, cause.NotUpstash},
		{"Redis' own text with that status", 404, json, `{"error":"ERR no such key"}`, cause.RedisError},
		{"a code with a colon", 400, json, `{"error":"NOAUTH: Authentication required"}`, cause.AuthInvalid},
		{"a proxy that wants a password", 407, "text/html", "<html>", cause.Proxy},
		{"an array", 200, json, `[{"result":"PONG"}]`, cause.NotUpstash},
		{"PONG", 200, json, `{"result":"PONG"}`, ""},
		{"PONG with white space, as a proxy may reformat it", 200, json, "{ \"result\": \"PONG\" }\n", ""},
		{"PONG with a wrong content type, which clients ignore too", 200, "text/plain", `{"result":"PONG"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := Outcome{Phase: PhaseRead, Status: tt.status, ContentType: tt.contentType, Body: []byte(tt.body), Ping: true}
			if got := Classify(o); got != tt.want {
				t.Errorf("Classify = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestClassifyTransportErrors(t *testing.T) {
	syscallError := func(op string, errno syscall.Errno) error {
		return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, errno)}
	}
	tests := []struct {
		name  string
		err   error
		phase Phase
		want  cause.Cause
	}{
		{"a name that is gone", &net.DNSError{Err: "no such host", IsNotFound: true}, PhaseDNS, cause.DNSNXDomain},
		{"a resolver in trouble", &net.DNSError{Err: "server misbehaving", IsTemporary: true}, PhaseDNS, cause.DNSTemporary},
		{"a resolver that does not answer", &net.DNSError{Err: "i/o timeout", IsTimeout: true}, PhaseDNS, cause.DNSTemporary},
		{"time runs out while looking up", context.DeadlineExceeded, PhaseDNS, cause.DNSTemporary},
		{"time runs out while connecting", context.DeadlineExceeded, PhaseConnect, cause.TimeoutConnect},
		{"time runs out in the handshake", context.DeadlineExceeded, PhaseTLS, cause.TimeoutConnect},
		{"time runs out before anything", context.DeadlineExceeded, PhaseNone, cause.TimeoutConnect},
		{"time runs out while sending", context.DeadlineExceeded, PhaseWrite, cause.TimeoutResponse},
		{"time runs out while waiting", context.DeadlineExceeded, PhaseWait, cause.TimeoutResponse},
		{"time runs out inside the answer", context.DeadlineExceeded, PhaseRead, cause.TimeoutResponse},
		{"the caller stops", context.Canceled, PhaseWait, cause.Interrupted},
		{"the caller stops a look-up", errors.Join(context.Canceled, &net.DNSError{Err: "operation was canceled"}), PhaseDNS, cause.Interrupted},
		{"nothing listens", syscallError("connect", syscall.ECONNREFUSED), PhaseConnect, cause.TCPRefused},
		{"no route", syscallError("connect", syscall.EHOSTUNREACH), PhaseConnect, cause.TimeoutConnect},
		{"a local firewall", syscallError("connect", syscall.EPERM), PhaseConnect, cause.TimeoutConnect},
		{"the kernel gives up", syscallError("connect", syscall.ETIMEDOUT), PhaseConnect, cause.TimeoutConnect},
		{"a reset", syscallError("read", syscall.ECONNRESET), PhaseWait, cause.ConnReset},
		{"a broken pipe", syscallError("write", syscall.EPIPE), PhaseWrite, cause.ConnReset},
		{"an end in the middle", io.ErrUnexpectedEOF, PhaseRead, cause.ConnReset},
		{"an end before the answer", io.EOF, PhaseWait, cause.ConnReset},
		{"plain http where https was asked", http.ErrSchemeMismatch, PhaseTLS, cause.TLS},
		{"an answer without TLS", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, PhaseWait, cause.TLS},
		{"an alert by its number", tls.AlertError(116), PhaseWait, cause.TLS},
		{"a certificate that fails", &tls.CertificateVerificationError{Err: errors.New("?")}, PhaseWait, cause.TLS},
		{"a certificate for another name", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}, PhaseWait, cause.TLS},
		{"a certificate of an unknown authority", x509.UnknownAuthorityError{}, PhaseWait, cause.TLS},
		{"a certificate that has expired", x509.CertificateInvalidError{Reason: x509.Expired}, PhaseWait, cause.TLS},
		{"any other trouble in the handshake", errors.New("tls: something"), PhaseTLS, cause.TLS},
		{"bytes that are not HTTP", errors.New("malformed HTTP response"), PhaseRead, cause.NotUpstash},
		{"a proxy that refuses to connect", proxyRefusal{403}, PhaseConnect, cause.Proxy},
		{"a proxy that is down", &net.OpError{Op: "proxyconnect", Net: "tcp", Err: syscallError("dial", syscall.ECONNREFUSED)}, PhaseConnect, cause.Proxy},
		{"a proxy whose name is gone", &net.OpError{Op: "proxyconnect", Net: "tcp", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, PhaseDNS, cause.Proxy},
		{"a proxy that is no address", errProxyAddress, PhaseNone, cause.Proxy},
		{"a SOCKS proxy that refuses", &net.OpError{Op: "socks connect", Net: "tcp", Err: errors.New("connection not allowed by ruleset")}, PhaseConnect, cause.Proxy},
		{"an alert after the handshake", &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, PhaseWait, cause.TLS},
		{"an alert of our own", &net.OpError{Op: "local error", Err: errors.New("tls: bad record MAC")}, PhaseRead, cause.TLS},
		{"what no rule covers while connecting", errors.New("?"), PhaseConnect, cause.Unknown},
		{"an error of the network without a rule", syscallError("connect", syscall.EINVAL), PhaseConnect, cause.Unknown},
		{"any other error", errors.New("?"), PhaseNone, cause.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Classify(Outcome{Err: tt.err, Phase: tt.phase}); got != tt.want {
				t.Errorf("Classify = %q, want %q", got, tt.want)
			}
		})
	}
}

// TestUpToTheHandshakeAProxyIsAllThatIsAsked: a time limit names the phase, not who was slow.
func TestUpToTheHandshakeAProxyIsAllThatIsAsked(t *testing.T) {
	tests := []struct {
		phase Phase
		want  cause.Cause
	}{
		{PhaseNone, cause.TimeoutConnect},
		{PhaseDNS, cause.Proxy},
		{PhaseConnect, cause.Proxy},
		{PhaseTLS, cause.TimeoutConnect},
		{PhaseWrite, cause.TimeoutResponse},
		{PhaseWait, cause.TimeoutResponse},
		{PhaseRead, cause.TimeoutResponse},
	}
	for _, tt := range tests {
		o := Outcome{Err: context.DeadlineExceeded, Phase: tt.phase, Proxy: "proxy.example.com:3128"}
		if got := Classify(o); got != tt.want {
			t.Errorf("phase %q through a proxy: %q, want %q", tt.phase, got, tt.want)
		}
	}
	if got := Classify(Outcome{Err: context.Canceled, Phase: PhaseConnect, Proxy: "proxy.example.com:3128"}); got != cause.Interrupted {
		t.Errorf("a caller that stops: %q", got)
	}
}

func TestUsageOfATextIsQuotedInReadableNumbers(t *testing.T) {
	tests := []struct{ text, want string }{
		{"ERR max requests limit exceeded. Limit: 500000, Usage: 500002. See", "500,002 of 500,000 commands"},
		{"ERR max requests limit exceeded. Limit: 999, Usage: 1000.", "1,000 of 999 commands"},
		{"ERR DB capacity quota exceeded. Threshold: 268435456 bytes, Usage: 274604636 bytes.", "261.9 MB of 256.0 MB"},
		{"ERR max request size exceeded. Limit: 10485760 bytes, Actual: 11245919 bytes.", "10.7 MB of 10.0 MB"},
		{"ERR max requests limit exceeded. Limit: 500,000, Usage: 500,002", "500,002 of 500,000 commands"},
		{"ERR max key size exceeded. Limit: 32768 bytes, Actual: 40000 bytes", "39.1 KB of 32.0 KB"},
		{"ERR max bandwidth limit exceeded. Limit: 10 GB, Usage: 10.2 GB", ""},
		{"ERR Plan bandwidth limit exceeded. Limit: 10737418240, Usage: 10737418999", ""},
		{"ERR max concurrent connections exceeded. Limit: 1000, Usage: 1001", ""},
		{"ERR max single record size exceeded", ""},
		{"Limit: 99999999999999999999, Usage: 1", ""},
		{"Limit: , Usage: ", ""},
		{"Limit: 1", ""},
		{"Usage: 1", ""},
	}
	for _, tt := range tests {
		if got := usage(tt.text); got != tt.want {
			t.Errorf("usage(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}
