package signature

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LinkLifetime is how long a link in a message stays good.
const LinkLifetime = 24 * time.Hour

// Link is one signed permission: to do one thing to one life of one incident,
// until it expires. Everyone who can read the message holds the link and may do it;
// it reaches nothing else.
type Link struct {
	// Purpose separates kinds of links made with one key.
	Purpose  string
	Shard    string
	Incident string
	// Reopened is the incident's reopen count: when it reopens, links of its
	// former life are void.
	Reopened int
	Action   string
	// About says in a line what the incident is, for the page behind the link. It may be empty.
	About string
	// Expires is in whole seconds.
	Expires time.Time
}

// ErrExpired says that a link was signed by one of the keys, and is too old.
var ErrExpired = errors.New("link has expired")

// maxParam bounds a query parameter, in bytes.
const maxParam = 256

const paramSignature = "sig"

// linkDomain keeps a link's signature from ever being one of a webhook, even if
// both were made with one key: a webhook's signed text begins with its id, which
// holds no line break.
const linkDomain = "pongwatch-link\nv1\n"

// query returns the parameters that carry l, without a signature.
func (l Link) query() url.Values {
	return url.Values{
		"p": {l.Purpose}, "s": {l.Shard}, "i": {l.Incident}, "r": {strconv.Itoa(l.Reopened)},
		"a": {l.Action}, "d": {l.About}, "e": {strconv.FormatInt(l.Expires.Unix(), 10)},
	}
}

// params are the parameters of a link in the order in which they are signed.
var params = []string{"p", "s", "i", "r", "a", "e", "d"}

func (k Key) sumLink(q url.Values) []byte {
	values := make([]string, len(params))
	for i, name := range params {
		values[i] = q.Get(name)
	}
	return k.sum(linkDomain, strings.Join(values, "\n"))
}

// SignLink returns the query that carries l and its signature.
func SignLink(k Key, l Link) (url.Values, error) {
	q := l.query()
	for _, values := range q {
		if strings.ContainsAny(values[0], "\r\n") {
			return nil, errors.New("signing link: a field holds a line break")
		}
	}
	if k.IsZero() || l.Purpose == "" || l.Incident == "" || l.Action == "" || l.Expires.IsZero() {
		return nil, errors.New("signing link: want a key, purpose, incident, action and expiry")
	}
	q.Set(paramSignature, base64.RawURLEncoding.EncodeToString(k.sumLink(q)))
	return q, nil
}

// VerifyLink returns the link that q carries if one of the keys signed it. One that has
// expired is returned with [ErrExpired].
func VerifyLink(keys []Key, q url.Values, now time.Time) (Link, error) {
	for _, name := range slices.Concat(params, []string{paramSignature}) {
		if len(q[name]) != 1 || len(q[name][0]) > maxParam || strings.ContainsAny(q[name][0], "\r\n") {
			return Link{}, ErrInvalid
		}
	}
	given, notBase64 := base64.RawURLEncoding.DecodeString(q.Get(paramSignature))
	reopened, noCount := strconv.Atoi(q.Get("r"))
	seconds, noTime := strconv.ParseInt(q.Get("e"), 10, 64)
	if errors.Join(notBase64, noCount, noTime) != nil {
		return Link{}, ErrInvalid
	}
	l := Link{
		Purpose: q.Get("p"), Shard: q.Get("s"), Incident: q.Get("i"), Reopened: reopened,
		Action: q.Get("a"), About: q.Get("d"), Expires: time.Unix(seconds, 0).UTC(),
	}
	for _, k := range keys {
		if !k.IsZero() && hmac.Equal(given, k.sumLink(q)) {
			if !now.Before(l.Expires) {
				return l, ErrExpired
			}
			return l, nil
		}
	}
	return Link{}, ErrInvalid
}
