package symptom

import (
	"slices"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// Table holds all rows, the more telling ones first.
var Table = slices.Concat(edges, proxies, meshes, foreign, redis, settings, urls, network, answers, others)

// edges are what platforms in front of an app or inside of it print.
var edges = []Row{
	{
		Pattern: `\berror(?: code:)? (?:1000|1001|1016|530)\b`, Causes: one(cause.DNSNXDomain), Source: "Cloudflare Workers",
		Example: "Error: error code: 1016", Not: "error code: 10160",
	},
	{
		Pattern: `\berror(?: code:)? (?:1003|1002)\b`, Causes: one(cause.ConfigInvalid), Source: "Cloudflare Workers: an IP address in place of the host name",
		Example: "error code: 1003", Not: "error code: 1016",
	},
	{
		Pattern: `\berror(?: code:)? 1015\b`, Causes: one(cause.Throttled), Source: "Cloudflare: too many requests",
		Example: "SyntaxError: Unexpected token 'e', \"error code: 1015\" is not valid JSON", Not: "error code: 1016",
	},
	{
		Pattern: `\berror code: 521\b`, Causes: one(cause.TCPRefused), Source: "Cloudflare: the server refuses connections",
		Example: "error code: 521", Not: "error code: 522",
	},
	{
		Pattern: `\berror code: 52[23]\b`, Causes: one(cause.TimeoutConnect), Source: "Cloudflare: the server cannot be reached",
		Example: "error code: 522", Not: "error code: 524",
	},
	{
		Pattern: `\berror code: 524\b`, Causes: one(cause.TimeoutResponse), Source: "Cloudflare: the server does not answer in time",
		Example: "error code: 524", Not: "error code: 522",
	},
	{
		Pattern: `\berror code: 52[56]\b`, Causes: one(cause.TLS), Source: "Cloudflare: no TLS connection to the server",
		Example: "error code: 526", Not: "error code: 527",
	},
	{
		Pattern: `\berror code: 5(?:0[0-4]|20)\b`, Causes: one(cause.Provider5xx), Source: "Cloudflare: the server fails",
		Example: "error code: 502", Not: "error code: 526",
	},
	{
		Pattern: `\berror(?: code:)? 1\d{3}\b`, Causes: one(cause.NotUpstash), Source: "Cloudflare: a rule answers in the server's place",
		Example: "error code: 1020", Not: "error code: 200",
	},
	{
		Pattern: `\bDNS_HOSTNAME_(?:NOT_FOUND|EMPTY|RESOLVED_PRIVATE)\b`, Causes: one(cause.DNSNXDomain), Source: "Vercel",
		Example: "502: BAD_GATEWAY Code: DNS_HOSTNAME_NOT_FOUND", Not: "DNS_HOSTNAME_SERVER_ERROR",
	},
	{
		Pattern: `\bDNS_HOSTNAME_(?:SERVER_ERROR|RESOLVE_FAILED)\b`, Causes: one(cause.DNSTemporary), Source: "Vercel",
		Example: "Code: DNS_HOSTNAME_SERVER_ERROR", Not: "DNS_HOSTNAME_NOT_FOUND",
	},
	{
		Pattern: `(?:FUNCTION|EDGE_FUNCTION|MIDDLEWARE)_INVOCATION_TIMEOUT|Task timed out after|Vercel Runtime Timeout`,
		Causes:  silent, Source: "Vercel, AWS Lambda: the app's own time limit",
		Example: "504: GATEWAY_TIMEOUT Code: FUNCTION_INVOCATION_TIMEOUT", Not: "500: FUNCTION_INVOCATION_FAILED",
	},
}

// proxies come before the network, because the text behind them is the proxy's and not Redis'.
var proxies = []Row{
	{
		Pattern: `proxyconnect|CONNECT tunnel failed|Tunnel connection failed|HTTP code \d{3} from proxy|Could not resolve proxy`,
		Causes:  one(cause.Proxy), Source: "Go, curl (5) and (56), Python",
		Example: "curl: (56) CONNECT tunnel failed, response 403", Not: "curl: (56) Recv failure: Connection reset by peer",
	},
	{
		Pattern: `ProxyError|ProxyConnectionError|Unable to connect to proxy|Cannot connect to proxy|tunneling socket could not be established`,
		Causes:  one(cause.Proxy), Source: "requests, httpx, Node.js",
		Example: "requests.exceptions.ProxyError: HTTPSConnectionPool(host='x.upstash.io', port=443): Max retries exceeded", Not: "requests.exceptions.ConnectionError: HTTPSConnectionPool",
	},
	{
		Pattern: `Proxy response \(\d{3}\)|Proxy Authentication Required|\bERR_(?:PROXY|TUNNEL)_CONNECTION_FAILED|UND_ERR_PRX_TLS|Unable to tunnel through proxy|` + status("407"),
		Causes:  one(cause.Proxy), Source: "undici, Java, HTTP 407",
		Example: "Error: Proxy response (407) !== 200 when HTTP Tunneling", Not: "read 407 bytes",
	},
}

// meshes answer in the server's place, like a proxy of the environment.
var meshes = []Row{
	{
		Pattern: `upstream connect error or disconnect|no healthy upstream|upstream request timeout|upstream_reset_before_response`,
		Causes: []Candidate{
			{cause.Proxy, "the app runs in a mesh such as Istio, or behind an egress gateway: their Envoy answers"},
			{cause.Provider5xx, "nothing lies in between, and curl from elsewhere shows the same"},
		}, Source: "Envoy",
		Example: "upstream connect error or disconnect/reset before headers. reset reason: connection failure", Not: "upstream: connected",
	},
}

// foreign is what speaks no HTTP. It comes before redis, whose text the line quotes.
var foreign = []Row{
	{
		Pattern: `malformed HTTP|invalid HTTP (?:response|version)|Parse Error: Expected HTTP|HPE_INVALID|BadStatusLine|does not match the HTTP/1\.1 protocol|Protocol error, got "H"|Protocol Error: b'HTTP|can't parse "?HTTP|Received HTTP/0\.9|curl: \(1\) Received`,
		Causes:  one(cause.NotUpstash), Source: "Go, Node.js, Python, curl (1): the port speaks another protocol; 6379 is Redis' own",
		Example: "net/http: HTTP/1.x transport connection broken: malformed HTTP response \"-ERR unknown command\"", Not: "HTTP/1.1 200 OK",
	},
}

// silent are the causes of a time limit that does not say what it waited for.
var silent = []Candidate{
	{cause.TimeoutConnect, "no connection was made: the URL in a browser or curl hangs, too"},
	{cause.TimeoutResponse, "a connection was made, and the answer did not come: curl says \"Connected to\""},
	{cause.Slow, "it happens now and then, and pongwatch shows late answers"},
}
