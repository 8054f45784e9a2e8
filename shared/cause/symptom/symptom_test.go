package symptom

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
)

func TestEachPatternCatchesItsLineAndNotAnother(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Table {
		t.Run(r.Example, func(t *testing.T) {
			if got, ok := match(r.Example, noJudge); !ok || got.Pattern != r.Pattern {
				t.Errorf("its example matches %q", got.Pattern)
			}
			if r.Not == "" || r.expression().MatchString(r.Not) {
				t.Errorf("it catches %q", r.Not)
			}
			if seen[r.Pattern] || r.Source == "" || len(r.Causes) == 0 {
				t.Errorf("seen twice, or without source or causes: %+v", r)
			}
			seen[r.Pattern] = true
			for i, c := range r.Causes {
				if _, known := cause.Parse(string(c.Cause)); !known {
					t.Errorf("%s is no cause", c.Cause)
				}
				if (c.When == "") != (len(r.Causes) == 1) {
					t.Errorf("candidate %d: %q; several causes need what tells them apart, one does not", i, c.When)
				}
			}
		})
	}
}

// TestLines are lines of logs as people paste them.
func TestLines(t *testing.T) {
	tests := []struct {
		name, text string
		want       []cause.Cause // of all rows found, in their order
	}{
		{"nothing", "", nil},
		{"prose", "the quick brown fox jumps over the lazy dog", nil},
		{"a setting", "tls: true", nil},
		{"a process that ends", "process terminated", nil},
		{"a count", "cache hit for key user:401", nil},
		{"an answer", "Connected to Redis: PING -> PONG", nil},
		{"the app's own limit", "user exceeded the rate limit, wait 10 seconds", nil},
		{"a plan of the app", "your plan includes 10 users, quota 500", nil},
		{"a variable that is set", "UPSTASH_REDIS_REST_URL=https://x.upstash.io MOCK_REDIS=false", nil},
		{"a good line", "GET /api/users 200 in 43ms", nil},
		{"a prefix before an error of Redis", "[kv] get failed spot:overrides ERR max requests limit exceeded. Limit: 500000", []cause.Cause{cause.QuotaMonthly}},
		{"a time and a level", "2026-11-29T00:12:31.123Z ERROR redis - NOAUTH Authentication required.", []cause.Cause{cause.AuthInvalid}},
		{"a body of curl", `{"error":"ERR DB capacity quota exceeded. Threshold: 1 bytes"}`, []cause.Cause{cause.StorageFull}},
		{"a body over several lines", "{\n  \"error\":\n    \"NOPERM this user has no permissions to run the 'set' command\"\n}", []cause.Cause{cause.ReadonlyToken}},
		{"a pipeline's body", `[{"result":"OK"},{"error":"READONLY Writes are temporarily rejected due to server upgrade"}]`, []cause.Cause{cause.WritePaused}},
		{"a structured log", `{"level":50,"msg":"redis failed","err":{"type":"Error","message":"getaddrinfo ENOTFOUND x.upstash.io"}}`, []cause.Cause{cause.DNSNXDomain}},
		{"a body inside of a structured log", `{"msg":"upstash answered {\"error\":\"ERR Your database has been temporarily rate-limited\"}"}`, []cause.Cause{cause.QuotaRateLimited}},
		{"escapes inside of JSON", `{"message":"Unexpected token '\u003c' in JSON"}`, []cause.Cause{cause.NotUpstash}},
		{"a body in Python's form", `upstash said {'error': 'WRONGPASS invalid or missing auth token.'}`, []cause.Cause{cause.AuthInvalid}},
		{"a RESP error", "-LOADING Redis is loading the dataset in memory", []cause.Cause{cause.ProviderUnready}},
		{"colours of a terminal", "\x1b[31mError:\x1b[0m connect ECONNREFUSED 34.1.2.3:443", []cause.Cause{cause.TCPRefused}},
		{"a command that quotes another text", `UpstashError: ERR value is not an integer or out of range, command was: ["set","k","ERR max requests limit exceeded"]`, []cause.Cause{cause.RedisError}},
		{"a command that quotes another text, alone", `command was: ["set","k","WRONGPASS "]`, nil},
		{"the cause below decides", "TypeError: fetch failed\n    at node:internal/deps/undici/undici:13510:13 {\n  [cause]: Error: getaddrinfo ENOTFOUND x.upstash.io\n    errno: -3008,\n    code: 'ENOTFOUND',", []cause.Cause{cause.DNSNXDomain}},
		{"a code is repeated below", "Error: connect ECONNREFUSED 127.0.0.1:6379\n  errno: -111,\n  code: 'ECONNREFUSED',\n  syscall: 'connect',", []cause.Cause{cause.ConfigMissing}},
		{"a code stands above its causes", "AggregateError [ECONNREFUSED]: \n  [errors]: [\n    Error: connect ECONNREFUSED ::1:6379", []cause.Cause{cause.ConfigMissing}},
		{"a code alone", "  code: 'ECONNREFUSED',", []cause.Cause{cause.TCPRefused}},
		{"two rows that both decide", "connect ECONNREFUSED 34.1.2.3:443\nERR max daily request limit exceeded", []cause.Cause{cause.TCPRefused, cause.QuotaDaily}},
		{"a row is named once", "socket hang up\nsocket hang up", []cause.Cause{cause.ConnReset}},
		{"a proxy before the network behind it", "proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused", []cause.Cause{cause.Proxy}},
		{"a default address is a missing URL", "[ioredis] Unhandled error event: Error: connect ECONNREFUSED 127.0.0.1:6379", []cause.Cause{cause.ConfigMissing}},
		{"IPv6 of this machine is one, too", "Error: connect ECONNREFUSED ::1:6379", []cause.Cause{cause.ConfigMissing}},
		{"redis-py's words for it", "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.", []cause.Cause{cause.ConfigMissing}},
		{"go-redis' words for it", "dial tcp 127.0.0.1:6379: connect: connection refused", []cause.Cause{cause.ConfigMissing}},
		{"Go's time limit for a dial", "dial tcp 34.1.2.3:443: i/o timeout", []cause.Cause{cause.TimeoutConnect}},
		{"Go's time limit for a look-up", "dial tcp: lookup x.upstash.io on 10.0.0.2:53: read udp 10.0.0.1:1->10.0.0.2:53: i/o timeout", []cause.Cause{cause.DNSTemporary}},
		{"Go's certificate", "x509: certificate signed by unknown authority", []cause.Cause{cause.TLS}},
		{"requests' certificate inside of a longer text", "requests.exceptions.SSLError: HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: / (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]')))", []cause.Cause{cause.TLS}},
		{"requests' look-up inside of a longer text", "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: / (Caused by NewConnectionError('Failed to establish a new connection: [Errno -2] Name or service not known'))", []cause.Cause{cause.DNSNXDomain}},
		{"requests' connect timeout", "requests.exceptions.ConnectTimeout: HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: /ping (Caused by ConnectTimeoutError(...))", []cause.Cause{cause.TimeoutConnect}},
		{"requests' read timeout", "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='x', port=443): Read timed out. (read timeout=5)", []cause.Cause{cause.TimeoutResponse}},
		{"httpx' look-up", "httpx.ConnectError: [Errno -3] Temporary failure in name resolution", []cause.Cause{cause.DNSTemporary}},
		{"httpx' connect timeout", "httpx.ConnectTimeout: timed out", []cause.Cause{cause.TimeoutConnect}},
		{"httpx' read timeout", "httpx.ReadTimeout: The read operation timed out", []cause.Cause{cause.TimeoutResponse}},
		{"httpx' broken connection", "httpx.RemoteProtocolError: Server disconnected without sending a response.", []cause.Cause{cause.ConnReset}},
		{"curl's time limit", "curl: (28) Connection timed out after 5001 milliseconds", []cause.Cause{cause.TimeoutConnect}},
		{"curl's certificate", "curl: (60) SSL certificate problem: unable to get local issuer certificate", []cause.Cause{cause.TLS}},
		{"curl's reset", "curl: (56) Recv failure: Connection reset by peer", []cause.Cause{cause.ConnReset}},
		{"curl's proxy", "curl: (5) Could not resolve proxy: proxy.corp", []cause.Cause{cause.Proxy}},
		{"Java's look-up", "java.net.UnknownHostException: x.upstash.io: Name or service not known", []cause.Cause{cause.DNSNXDomain}},
		{"Java's handshake", "javax.net.ssl.SSLHandshakeException: PKIX path building failed", []cause.Cause{cause.TLS}},
		{"Jedis' end of a stream", "redis.clients.jedis.exceptions.JedisConnectionException: Unexpected end of stream.", []cause.Cause{cause.ConnReset}},
		{"Lettuce's time limit", "io.lettuce.core.RedisCommandTimeoutException: Command timed out after 1 minute(s)", []cause.Cause{cause.TimeoutResponse}},
		{"Go's whole client, which also counts connecting", `Get "https://x.upstash.io/ping": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`, []cause.Cause{cause.TimeoutConnect}},
		{"Go's time limit for a read", "read tcp 10.0.0.1:1->34.1.2.3:443: i/o timeout", []cause.Cause{cause.TimeoutResponse}},
		{"a status line", "HTTP/2 503", []cause.Cause{cause.Provider5xx}},
		{"curl's status", "curl: (22) The requested URL returned error: 401", []cause.Cause{cause.AuthInvalid}},
		{"a status in JSON", `{"message":"upstash","status":413}`, []cause.Cause{cause.RequestTooBig}},
		{"a number that is no status", `{"status":"ok","ms":429}`, nil},
		{"Cloudflare's page", "<title>Error 1015</title>", []cause.Cause{cause.Throttled}},
		{"a variable without a verb", "UPSTASH_REDIS_REST_URL not set", []cause.Cause{cause.ConfigMissing}},
		{"a list of missing variables", "Missing required env vars: UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN", []cause.Cause{cause.ConfigMissing}},
		{"a fallback says more than what is missing", "UPSTASH_REDIS_REST_URL not set, using in-memory cache", []cause.Cause{cause.Mock}},
		{"another code of Redis", "WRONGTYPE Operation against a key holding the wrong kind of value", []cause.Cause{cause.RedisError}},
		{"a REST URL in a TCP client", "ValueError: Redis URL must specify one of the following schemes (redis://, rediss://, unix://)", []cause.Cause{cause.ConfigScheme}},
		{"the token's line break", `TypeError: Headers.append: "Bearer x\n" is an invalid header value.`, []cause.Cause{cause.ConfigWhitespace}},
		{"npm's errors are none of Redis", "npm ERR! code ELIFECYCLE", nil},
		{"a word that a code begins", "ERROR: could not compile", nil},
		{"a quoted text", "cannot render: 'WRONGPASS invalid' is not a colour", nil},
		{"the next wording of a stop", "ERR Your account is suspended", []cause.Cause{cause.QuotaSuspended}},
		{"the free plan", "UpstashError: ERR This database has reached current Free plan limits.", []cause.Cause{cause.QuotaPlan}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []cause.Cause
			for _, f := range Find(tt.text, noJudge) {
				got = append(got, f.Row.Causes[0].Cause)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestALongLineIsReadToItsEnd(t *testing.T) {
	long := strings.Repeat("x", 1<<16) + " ERR max requests limit exceeded"
	if got := Find(long, noJudge); len(got) != 1 {
		t.Errorf("%d rows", len(got))
	}
}

// noJudge knows no text.
func noJudge(string) cause.Cause { return cause.RedisError }

// Of a text of Redis that no row knows, the checks' rules name the cause, and of no other text.
func TestTheJudgeKnowsTheNextWording(t *testing.T) {
	judge := func(said string) cause.Cause {
		if strings.HasPrefix(said, "the sky fell") {
			return cause.QuotaPlan
		}
		return cause.RedisError
	}
	for line, want := range map[string]cause.Cause{
		"UpstashError: ERR the sky fell on this database": cause.QuotaPlan,
		"UpstashError: ERR something else":                cause.RedisError,
		"ERR max requests limit exceeded":                 cause.QuotaMonthly,
		"read ECONNRESET ERR the sky fell":                cause.QuotaPlan,
		"connect ECONNREFUSED, not ERRthe sky fell":       cause.TCPRefused,
	} {
		if got := Find(line, judge); len(got) != 1 || got[0].Row.Causes[0].Cause != want {
			t.Errorf("%q: %+v, want %s", line, got, want)
		}
	}
}

// A line about another service is not about Redis, unless it names it.
func TestOtherServicesAreNotRedis(t *testing.T) {
	for _, line := range []string{
		"MongoServerSelectionError: connection timed out", "Error: connect ECONNREFUSED 10.0.0.5:5432", "PG::ConnectionBad: could not connect to server: Connection refused",
		"PrismaClientInitializationError: Can't reach database server: connection refused", "smtp: dial tcp 34.1.2.3:587: i/o timeout", "amqp: connection refused",
		`10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "POST /login HTTP/1.1" 401 45`, "POST /login 401 in 23ms", `{"level":"warn","method":"POST","path":"/login","status":401,"ms":12}`,
		"openai.RateLimitError: Error code: 429 - You exceeded your current quota", "SendGrid: 401 Unauthorized", "fetch https://api.github.com failed: 403 Forbidden",
		`django.db.utils.OperationalError: connection to server at "10.0.0.5", port 5432 failed: Connection refused`, "twilio: HTTP 429 Too many requests",
		"botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL", "google.api_core.exceptions.DeadlineExceeded: 504 Deadline Exceeded",
		"KafkaJSConnectionError: Connection error: connect ECONNREFUSED 10.0.0.6:9092", "StripeConnectionError: read ECONNRESET stripe",
	} {
		if got := Find(line, noJudge); len(got) > 0 {
			t.Errorf("%q points at %+v", line, got[0].Row.Causes)
		}
	}
	if got := Find(`{"level":"error","path":"/api/users","err":"WRONGPASS invalid or missing auth token"}`, noJudge); len(got) != 1 || got[0].Row.Causes[0].Cause != cause.AuthInvalid {
		t.Errorf("a text that only Redis prints, in the app's log of requests: %+v", got)
	}
	if got := Find(`{"method":"POST","url":"https://x/pipeline","status":401}`, noJudge); len(got) != 1 {
		t.Errorf("a client's own log of a pipeline: %+v", got)
	}
	if got := Find("postgres ok, redis: connect ECONNREFUSED 34.1.2.3:6379", noJudge); len(got) != 1 {
		t.Errorf("a line that names both: %+v", got)
	}
}
