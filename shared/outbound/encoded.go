package outbound

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strings"
)

// Forms returns the forms in which an answer may quote a secret: as it is, without the padding at its end, escaped
// for URLs, JSON and HTML, in small letters, and encoded.
func Forms(secret string) []string {
	inJSON, _ := json.Marshal(secret) // texts always encode
	return append(encoded(secret),
		secret, strings.TrimRight(secret, "="), url.QueryEscape(secret), url.PathEscape(secret), strings.ToLower(secret),
		string(inJSON[1:len(inJSON)-1]), strings.NewReplacer("/", `\/`, `"`, `\"`, `\`, `\\`).Replace(secret), html.EscapeString(secret))
}

// shortestEncoded is the length in bytes from which a secret's encoded forms are covered. Those
// of a shorter one would be found in innocent words.
const shortestEncoded = 8

// encoded returns the forms of a secret in capitals, hex and base64, as an answer may quote
// it. In base64 a secret inside of a longer text has one of three forms, by its offset; the
// characters at both ends, which it shares with its neighbours, are left out.
func encoded(secret string) []string {
	if len(secret) < shortestEncoded {
		return nil
	}
	inHex := hex.EncodeToString([]byte(secret))
	forms := []string{strings.ToUpper(secret), inHex, strings.ToUpper(inHex)}
	for offset := range 3 {
		text := append(make([]byte, offset), secret...)
		first, last := (offset*8+5)/6, len(text)*8/6
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, encoding.EncodeToString(text)[first:last])
		}
	}
	return forms
}
