package symptom

import "github.com/pongwatch/pongwatch/shared/cause"

// status matches an HTTP status where a log names one as such.
func status(codes string) string {
	return `(?:HTTP(?:/[\d.]+)?|status|status_?code|error|responded(?: with)?|returned|answered)\W{1,4}(?:(?:status|code)\W{1,3}){0,2}(?:` + codes + `)\b`
}

// answers are what clients make of an answer that is not Upstash's, or of its HTTP status.
var answers = []Row{
	{
		Pattern: `'str' object has no attribute 'get'|string indices must be integers`,
		Causes: []Candidate{
			{cause.AuthInvalid, "PING over curl answers WRONGPASS"},
			{cause.QuotaMonthly, "it answers \"max requests limit exceeded\""},
			{cause.QuotaSuspended, "it answers \"suspended\""},
			{cause.QuotaPlan, "it answers \"plan limits\""},
		}, Source: "upstash-redis (Python): a pipeline that is refused as a whole",
		Example: "AttributeError: 'str' object has no attribute 'get'", Not: "AttributeError: 'Redis' object has no attribute 'pipeline'",
	},
	{
		Pattern: `Unexpected token '?<|UpstashJSONParseError|\.\.\. is not valid JSON|[^\]]["'] is not valid JSON|JSONDecodeError|Expecting value: line 1|invalid character '.' looking for beginning|Unexpected end of JSON|Unexpected token [^o\s]\S* in JSON|Unable to parse response body`,
		Causes: []Candidate{
			{cause.NotUpstash, "the URL in curl shows a page with status 200 or 404"},
			{cause.Provider5xx, "it shows status 500 to 599"},
			{cause.Proxy, "the app runs behind HTTPS_PROXY, and its answer is the page"},
		}, Source: "@upstash/redis, Python, Go: a page in place of JSON",
		Example: "SyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON", Not: "Unexpected token ';'",
	},
	{
		Pattern: `Too Many Requests|` + status("429"),
		Causes: []Candidate{
			{cause.Throttled, "Upstash answers 429 for more commands a second than the plan has"},
			{cause.QuotaRateLimited, "the answer's text says \"temporarily rate-limited\""},
			{cause.QuotaMonthly, "the text says \"max requests limit exceeded\""},
		}, Source: "any client; an app's own rate limiter answers 429 to its users as well",
		Example: "Request failed with status code 429", Not: "read 429 keys",
	},
	{
		Pattern: status("401") + `|\b401 Unauthorized|error["']?\s*:\s*["']Unauthorized["']|^(?:\w+: )*Unauthorized\.?$`,
		Causes:  one(cause.AuthInvalid), Source: "Upstash until 2023; any HTTP client",
		Example: "httpx.HTTPStatusError: Client error '401 Unauthorized' for url", Not: `{"status":"ok","ms":401}`,
	},
	{
		Pattern: status("413") + `|PayloadTooLarge|Content Too Large|Request Entity Too Large`,
		Causes:  one(cause.RequestTooBig), Source: "any HTTP client",
		Example: "Request failed with status code 413", Not: "413 keys",
	},
	{
		Pattern: status("403") + `|\b403 Forbidden`,
		Causes: []Candidate{
			{cause.NotUpstash, "a firewall or gateway answers with a page"},
			{cause.Proxy, "the app runs behind HTTPS_PROXY"},
			{cause.QuotaPlan, "the answer's text says \"plan limits\""},
		}, Source: "any HTTP client",
		Example: "Error: HTTP 403 Forbidden", Not: "403 keys",
	},
	{
		Pattern: status(`5\d\d`) + `|\b50[0234]\b.{0,4}(?:Bad Gateway|Service (?:Temporarily )?Unavailable|Internal Server Error|Gateway Time-?out)|^(?:\w+: )*(?:502 )?Bad Gateway$|Server error '5\d\d|"error"\s*:\s*"(?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Timeout)"`,
		Causes:  one(cause.Provider5xx), Source: "any HTTP client",
		Example: "Error: Request failed with status code 502", Not: "read 502 keys",
	},
}
