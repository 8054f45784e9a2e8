package config

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// What people paste where a REST URL and a REST token belong. The problems that
// these checks return hold neither; their Key is "url" or "token".

var assignment = lazily(`^(export\s+)?[A-Za-z_][A-Za-z0-9_]*=[^=]`) // base64 ends with =, a variable is followed by its value

const (
	urlExample   = "https://your-instance.upstash.io"
	tokenExample = "the REST token as the Upstash console shows it, without quotes"
)

// checkURL returns the URL without a trailing slash, or what is wrong with it.
func checkURL(text string, local bool) (string, *Problem) {
	wrong := func(c cause.Cause, what string) (string, *Problem) {
		return "", &Problem{Key: "url", What: what, Example: urlExample, Cause: c}
	}
	if text == "" {
		return wrong(cause.ConfigMissing, "is empty, so the app runs in mock mode if it reads the same setting")
	}
	if c, what := slip(text); what != "" {
		return wrong(c, what)
	}
	scheme, _, found := strings.Cut(text, "://")
	switch strings.ToLower(scheme) {
	case "https", "http":
	case "redis", "rediss":
		return wrong(cause.ConfigScheme, "is a "+strings.ToLower(scheme)+":// URL, which belongs to Redis' TCP protocol; want the REST URL")
	default:
		if !found {
			return wrong(cause.ConfigScheme, "has no scheme, want https://")
		}
		return wrong(cause.ConfigScheme, "does not begin with https://")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return wrong(cause.ConfigInvalid, "is not a URL with a host")
	case strings.EqualFold(u.Hostname(), "console.upstash.com"):
		return wrong(cause.ConfigInvalid, "is the address of Upstash's console; want the REST URL that the console shows")
	case badPort(u):
		return wrong(cause.ConfigInvalid, "has a port that is not from 1 to 65535; Upstash's REST URL has none")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return wrong(cause.ConfigScheme, "begins with http://, which would send the token in plain text; want https://")
	case u.Scheme == "http" && !local:
		return wrong(cause.ConfigScheme, "is a loopback address, which is only accepted by `pongwatch local` and the command line; want https://")
	case u.User != nil:
		return wrong(cause.ConfigInvalid, "holds a user or password; the token belongs in its own key")
	case u.RawQuery != "" || u.Fragment != "":
		return wrong(cause.ConfigInvalid, "has a query or fragment; the token belongs in its own key")
	case strings.Trim(u.Path, "/") != "":
		return wrong(cause.ConfigInvalid, "has a path; want scheme and host only")
	}
	return u.Scheme + "://" + u.Host, nil
}

// checkToken returns what is wrong with a token, or nil.
func checkToken(text string) *Problem {
	wrong := func(c cause.Cause, what string) *Problem {
		return &Problem{Key: "token", What: what, Example: tokenExample, Cause: c}
	}
	if text == "" {
		return wrong(cause.ConfigMissing, "is empty")
	}
	if c, what := slip(text); what != "" {
		return wrong(c, what)
	}
	switch {
	case strings.HasPrefix(strings.ToLower(text), "bearer "):
		return wrong(cause.ConfigWhitespace, "begins with \"Bearer \", want the token alone")
	case strings.Contains(text, "://"):
		return wrong(cause.ConfigInvalid, "is a URL, want the REST token")
	case strings.Contains(strings.ToUpper(text), "%3D"):
		return wrong(cause.ConfigWhitespace, "holds %3D, which is = as URLs write it")
	case strings.ContainsFunc(text, func(r rune) bool { return r < 0x21 || r > 0x7e }):
		return wrong(cause.ConfigWhitespace, "holds characters that no token has")
	}
	return nil
}

// slip says what a script, a template or a person did to a URL or a token, or "".
func slip(text string) (cause.Cause, string) {
	word := strings.Trim(strings.TrimSpace(text), `"'`)
	switch strings.ToLower(word) {
	case "undefined", "null", "none", "nil", "[object object]":
		return cause.ConfigMissing, "is the word " + word + ", which scripts print where a value is missing"
	}
	if what := unexpanded(text); what != "" {
		return cause.ConfigInvalid, what
	}
	switch {
	case variableName().MatchString(word):
		return cause.ConfigInvalid, "is the name of a variable, want its value"
	case exampleText().MatchString(word):
		return cause.ConfigInvalid, "is the text of an example or of a hidden value, want the value"
	case elsewhere().MatchString(word):
		return cause.ConfigInvalid, "is a reference to a secret, which was not replaced by its value"
	}
	return cause.ConfigWhitespace, pasted(text)
}

// hiddenURL returns what says what is wrong with a URL that is a secret: how it was pasted, or what judge
// says of it.
func hiddenURL(judge func(*url.URL) string) func(text string) string {
	return func(text string) string {
		u, err := url.Parse(text)
		switch what := cmp.Or(unexpanded(text), pasted(text)); {
		case what != "":
			return what
		case err != nil || u.Hostname() == "":
			return "is not a URL with a host"
		}
		return judge(u)
	}
}

// unexpanded says which placeholder stands where a value belongs, or "": what a shell, a
// template or a person should have replaced.
func unexpanded(text string) string {
	text = strings.Trim(strings.TrimSpace(text), `"'`)
	switch {
	case strings.Contains(text, "{{"):
		return "holds {{…}}, a placeholder of a template that was not replaced by its value"
	case strings.Contains(text, "#{"), betweenMarks().MatchString(text):
		return "holds #{…}, __…__ or @…@, a placeholder that was not replaced by its value"
	case strings.Contains(text, "${"), strings.Contains(text, "$("):
		return "holds ${…}, a variable that was not replaced by its value"
	case shellVariable().MatchString(text):
		return "is the name of a variable with $, which was not replaced by its value"
	case strings.Contains(text, "<") && strings.Contains(text, ">"):
		return "holds <…>, which stands for a value that is to be filled in"
	case percentVariable().MatchString(text):
		return "is the name of a variable between % signs, which was not replaced by its value"
	}
	return ""
}

var (
	shellVariable   = lazily(`^(https?://)?\$[A-Za-z_]`)
	percentVariable = lazily(`^%[A-Za-z_][A-Za-z0-9_]*%$`)
	betweenMarks    = lazily(`^(?:https?://)?(?:__[A-Za-z]\w*__|@[A-Za-z]\w*@)`)
	// variableName needs an underscore: no token is in capitals, but a test's may be one word.
	variableName = lazily(`^(?:process\.env\.\w+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)$`)
	exampleText  = lazily(`^(?:[*•xX.]{3,}|(?i:your[-_].*|change[-_]?me))$`)
	// elsewhere are references of 1Password, Vault, AWS, and Secret Manager without sm://.
	elsewhere = lazily(`^(?:op://|vault:|arn:aws:|projects/[^/]+/secrets/)`)
)

// badPort reports whether the URL has a port that no host has.
func badPort(u *url.URL) bool {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return u.Port() != "" && (err != nil || n == 0)
}

// pasted says which artefact of pasting the text has, or "".
func pasted(text string) string {
	switch {
	case assignment().MatchString(text):
		return "begins with the variable's name and =, want the value alone"
	case strings.ContainsAny(text, "\"'`“”‘’"):
		return "holds quotes"
	case strings.ContainsAny(text, "\r\n"):
		return "holds a line break"
	case strings.HasSuffix(text, `\n`), strings.HasSuffix(text, `\r`):
		return "ends with \\n, a line break that was written out"
	case strings.HasSuffix(text, ","), strings.HasSuffix(text, ";"):
		return "ends with a comma or a semicolon"
	case strings.TrimSpace(text) != text:
		return "begins or ends with white space"
	case strings.HasPrefix(strings.ToLower(text), "bearer "):
		return "" // has its own words
	case strings.ContainsAny(text, " \t\v\f\u00a0\u200b\ufeff"):
		return "holds white space"
	}
	return ""
}
