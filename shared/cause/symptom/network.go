package symptom

import "github.com/pongwatch/pongwatch/shared/cause"

// network are failures before an answer, in the words of runtimes and clients.
var network = []Row{
	{
		Pattern: `EAI_AGAIN|EAI_FAIL|Temporary failure in name resolution|server misbehaving|SERVFAIL|\[Errno -3\]|Error -3 connecting|contacting DNS servers|lookup \S+(?: on \S+)?: (?:.*i/o timeout|.*no answer from DNS)|query\w* (?:ETIMEOUT|ETIMEDOUT|ECONNREFUSED)|DNS (?:lookup )?timed? ?out|Resolving timed out|getaddrinfo\(\) thread failed`,
		Causes:  one(cause.DNSTemporary), Source: "Node.js, glibc, Go, Python",
		Example: "Error: getaddrinfo EAI_AGAIN us1-merry-cat-32748.upstash.io", Not: "Error: getaddrinfo ENOTFOUND us1-merry-cat-32748.upstash.io",
	},
	{
		Pattern: `(?-i:\bENOTFOUND\b)|no such host|Name or service not known|NXDOMAIN|(?-i:\bENODATA\b)|nodename nor servname|No address associated with hostname|\[Errno -[25]\]|Error -[25] connecting|Name does not resolve`,
		Causes:  one(cause.DNSNXDomain), Source: "Node.js, Go, glibc, musl, macOS, Python, Java",
		Example: "dial tcp: lookup us1-merry-cat-32748.upstash.io: no such host", Not: "ModuleNotFoundError: No module named 'redis'",
	},
	{
		Pattern: `Could not resolve host|getaddrinfo failed|\b11001\b|UnknownHostException|No such host is known|NameResolutionError|Failed to resolve '|dns error: failed to lookup`,
		Causes: []Candidate{
			{cause.DNSNXDomain, "other names resolve on the same machine"},
			{cause.DNSTemporary, "no name resolves there"},
		}, Source: "curl (6), Windows, Java, urllib3, Rust",
		Example: "curl: (6) Could not resolve host: us1-merry-cat-32748.upstash.io", Not: "curl: (7) Failed to connect",
	},
	{
		Pattern: `disconnected before secure TLS connection|Connection reset.{0,40}during TLS|SSL(?:EOF|ZeroReturn)Error|EOF occurred in violation of protocol|TLS/SSL connection has been closed`,
		Causes: []Candidate{
			{cause.TLS, "it happens each time: the port speaks no TLS, or something in between ends it"},
			{cause.ConnReset, "it happens now and then"},
		}, Source: "Node.js, Python",
		Example: "Error: Client network socket disconnected before secure TLS connection was established", Not: "client disconnected",
	},
	{
		Pattern: `certificate required|CERTIFICATE_VERIFY_FAILED|unable to get (?:local )?issuer|UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY_LEAF)|SELF_SIGNED_CERT|self[- ]signed certificate|ERR_TLS_CERT_ALTNAME|CERT_HAS_EXPIRED|certificate has expired|unknown authority|unable to verify the first certificate|CERT_NOT_YET_VALID|certificate is not yet valid|invalid peer certificate`,
		Causes:  one(cause.TLS), Source: "Node.js, Python, Go, curl (60)",
		Example: "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate", Not: "certificate issued",
	},
	{
		Pattern: `x509: |\btls: (?:failed|handshake|bad|unknown|no|first|oversized|received|server|protocol|internal|unsupported|certificate|client|expired|unrecognized|error)\b|SSLHandshakeException|SSLPeerUnverifiedException|PKIX path|SSLError|\[SSL[\]:]|ERR_SSL_|wrong version number|WRONG_VERSION_NUMBER|EPROTO\b|SSL routines|SSL certificate problem|SSL connection (?:error|could not be established)|first record does not look like a TLS|HTTP response to HTTPS client|Hostname/IP does not match|handshake failure|curl: \((?:35|51|58|60|77)\)|certificate verify failed|The remote certificate (?:is|was)|RemoteCertificate(?:Name|Chain)`,
		Causes:  one(cause.TLS), Source: "Go, Java, .NET, Node.js, Python, curl (35), (51), (58), (60)",
		Example: `Get "https://us1-merry-cat-32748.upstash.io/ping": tls: failed to verify certificate: x509: certificate is valid for proxy.example.com`, Not: "curl: (6) Could not resolve host",
	},
	{
		Pattern: `Redis::TimeoutError: Connection timed out`,
		Causes:  silent, Source: "redis-rb, Sidekiq: the same text for a connection and an answer",
		Example: "WARN: Redis::TimeoutError: Connection timed out", Not: "Redis::CannotConnectError: Connection timed out",
	},
	{
		Pattern: `UND_ERR_CONNECT_TIMEOUT|(?-i:\bConnect(?:ion)?Timeout(?:Error|Exception)?\b)|connect ETIMEDOUT|dial tcp\S* .*i/o timeout|dial tcp\S* .*timed out|connect(?:ion)? timed out|TLS handshake timeout|canceled while waiting for connection|Timeout connecting|\b10060\b|\[Errno 110\]|Error: Connection timeout\b|Connection timeout(?:$| to host\b)|handshake operation timed out|Timed out connecting|AggregateError \[ETIMEDOUT\]|Handshake timed out|Failed to connect.{0,80}(?:timeout|timed out)|error 110\b`,
		Causes:  one(cause.TimeoutConnect), Source: "undici, httpx, requests, Node.js, Go, Java, ioredis, node-redis",
		Example: "ConnectTimeoutError: Connect Timeout Error (attempted address: us1-merry-cat-32748.upstash.io:443, timeout: 10000ms) code: 'UND_ERR_CONNECT_TIMEOUT'", Not: "read ETIMEDOUT",
	},
	{
		Pattern: `EHOSTUNREACH|ENETUNREACH|no route to host|network is unreachable|\[Errno (?:101|113)\]|EADDRNOTAVAIL|cannot assign requested address|NoRouteToHostException|Network unreachable`,
		Causes:  one(cause.TimeoutConnect), Source: "Node.js, Go, Python, Java; with an IPv6 address: the machine has no IPv6",
		Example: "dial tcp [2600:1901::1]:443: connect: network is unreachable", Not: "the service is reachable",
	},
	{
		Pattern: `ECONNREFUSED|connection refused|\[Errno (?:111|61)\]|Error (?:111|61) connecting|actively refused|\b10061\b|ConnectionRefused\b`,
		Causes:  one(cause.TCPRefused), Source: "Node.js, Go, Python, Java, Windows",
		Example: "Error: connect ECONNREFUSED 34.1.2.3:443", Not: "the token is refused",
	},
	{
		Pattern: `curl: \(7\)|Couldn't connect to server|Could not connect to server|Connect call failed`,
		Causes: []Candidate{
			{cause.TCPRefused, "it fails at once"},
			{cause.TimeoutConnect, "it fails after seconds, or says \"no route\""},
		}, Source: "curl (7), asyncio, aiohttp",
		Example: "curl: (7) Failed to connect to us1-merry-cat-32748.upstash.io port 443 after 21 ms: Couldn't connect to server", Not: "curl: (6) Could not resolve host",
	},
	{
		Pattern: `UND_ERR_(?:HEADERS|BODY)_TIMEOUT|(?:Headers|Body)TimeoutError|ReadTimeout|Read timed out|read operation timed out|SocketTimeoutError|CommandTimeoutDuringExecution|read ETIMEDOUT|ESOCKETTIMEDOUT|timeout awaiting response headers|HttpTimeoutException: request timed out|Command timed out|Waited [\d.]+ seconds|Timeout reading from (?:socket|\S+:\d+)|RedisCommandTimeoutException|RedisTimeoutException|\bread tcp .*i/o timeout|SocketTimeoutException|curl: \(28\) Operation timed out.*bytes received|while reading body`,
		Causes:  one(cause.TimeoutResponse), Source: "undici, httpx, requests, Go, ioredis, redis-py, redis-client (Ruby), Lettuce, Java",
		Example: `Post "https://us1-merry-cat-32748.upstash.io/": net/http: timeout awaiting response headers`, Not: "connect ETIMEDOUT 34.1.2.3:443",
	},
	{
		Pattern: `ECONNRESET|connection reset|socket hang up|\bEPIPE\b|broken pipe|other side closed|UND_ERR_SOCKET|RemoteDisconnected|Connection aborted|Server disconnected|RemoteProtocolError|unexpected EOF|\bEOF$|premature(?:ly)? close|ended prematurely|ECONNABORTED|\[Errno (?:104|32)\]|Empty reply from server|Recv failure|curl: \((?:18|52|55|56)\)`,
		Causes:  one(cause.ConnReset), Source: "Node.js, undici, Go, requests, httpx, curl (18), (52), (55), (56)",
		Example: "Error: read ECONNRESET at TLSWrap.onStreamRead", Not: "reset the password",
	},
	{
		Pattern: `Socket ?closed ?unexpectedly|socket connection was closed|\bSocket(?:Closed|Failure) \(|(?:Connection|connection to Redis) is closed\.?(?:$| at )|Connection closed by (?:server|remote)|RedisException: Connection closed|Unexpected end of stream|NoHttpResponseException|Network connection (?:was )?lost|use of closed network connection|IncompleteRead|Premature EOF|Error while reading from socket|NGHTTP2_|GOAWAY|ERR_HTTP2_STREAM|TypeError: terminated|aborted due to connection close|\bConnection lost\b`,
		Causes:  one(cause.ConnReset), Source: "node-redis, ioredis, redis-py, Jedis, Lettuce, StackExchange.Redis, Redix, Bun, Cloudflare Workers",
		Example: "SocketClosedUnexpectedlyError: Socket closed unexpectedly", Not: "Connection is closed-loop",
	},
	{
		Pattern: `read error on connection|Redis server .{0,80}went away|Error while (?:reading (?:line|bytes) from|writing bytes to) the server`,
		Causes: []Candidate{
			{cause.ConnReset, "it fails at once"},
			{cause.TimeoutResponse, "it fails after the client's time limit"},
		}, Source: "phpredis, Predis",
		Example: "RedisException: read error on connection to us1-merry-cat-32748.upstash.io:6379", Not: "a read error on disk",
	},
	{
		Pattern: `max retries per request limit|Stream isn't writeable|Exhausted all retries|Could not get a resource from the pool|Unable to connect to Redis|RedisConnectionException|JedisConnectionException|redis: connection pool timeout|ConnectionPool.*exhausted|Redis connection (?:to \S+ )?failed|\bClient(?:Closed|Offline)Error|The client is (?:closed|offline)\b|redis: client is closed|ClusterAllFailedError|Failed to refresh slots cache`,
		Causes: []Candidate{
			{cause.DNSNXDomain, "an earlier line names the host as not found"},
			{cause.TCPRefused, "an earlier line says refused"},
			{cause.TimeoutConnect, "an earlier line says timed out"},
			{cause.TLS, "the URL begins with redis://, where Upstash wants rediss://"},
			{cause.ConnectionsFull, "an earlier line names a maximum of connections or clients"},
			{cause.ConnReset, "an earlier line says that the connection was closed or reset"},
		}, Source: "ioredis, Jedis, Lettuce, go-redis, node-redis",
		Example: "MaxRetriesPerRequestError: Reached the max retries per request limit (which is 20). Refer to \"maxRetriesPerRequest\" option for details.", Not: "retries: 3",
	},
	{
		Pattern: `"?reason"?\s*[:=]\s*["']?timeout`,
		Causes: []Candidate{
			{cause.LimiterOpen, "beside it stands success: true: the limiter has allowed the request"},
			{cause.TimeoutResponse, "Redis is silent for everybody: its other callers time out as well"},
		}, Source: "@upstash/ratelimit",
		Example: `{ success: true, limit: 10, remaining: 0, reset: 0, reason: 'timeout' }`, Not: "the reason is a timeout",
	},
	{
		Pattern: `context deadline exceeded|Client\.Timeout exceeded|i/o timeout|AbortError|operation was aborted|\bTimeoutError\b|due to timeout|ETIMEDOUT|curl: \(28\)|PoolTimeout|WriteTimeout|TimeoutException|HttpClient\.Timeout|\bTimedOut\b|\btimed out\b|timeout of \d+ ?ms exceeded|(?:operation|request|command|\b(?:redis|upstash)(?: \w+)?) timeout(?:$| after\b)`,
		Causes:  silent, Source: "Go, fetch, Python, .NET, Rust, curl (28)",
		Example: `Post "https://us1-merry-cat-32748.upstash.io/pipeline": context deadline exceeded`, Not: "the time limit is 5 s",
	},
	{
		Pattern: `fetch failed|Failed to fetch(?:\.|$| \()|Is the computer able to access the url|NetworkError when attempting|Load failed$|All connection attempts failed|Max retries exceeded with url|httpx\.ConnectError|ClientConnectorError|ConnectionError\b|connection error`,
		Causes: []Candidate{
			{cause.DNSNXDomain, "the error's \"cause\" names ENOTFOUND or \"not known\""},
			{cause.TCPRefused, "it names ECONNREFUSED"},
			{cause.TimeoutConnect, "it names a timeout"},
			{cause.TLS, "it names a certificate"},
			{cause.ConnReset, "it names ECONNRESET or \"other side closed\""},
			{cause.Proxy, "the app runs behind HTTPS_PROXY"},
		}, Source: "fetch, Bun, httpx, requests, aiohttp: the reason stands in the error's cause",
		Example: "TypeError: fetch failed", Not: "fetched 3 keys",
	},
}
