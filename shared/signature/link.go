package signature

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"net/url"
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

// The names of a link's query parameters.
const (
	paramPurpose   = "p"
	paramShard     = "s"
	paramIncident  = "i"
	paramReopened  = "r"
	paramAction    = "a"
	paramAbout     = "d"
	paramExpires   = "e"
	paramSignature = "sig"
)

// linkDomain keeps a link's signature from ever being one of a webhook, even if
// both were made with one key: a webhook's signed text begins with its id, which
// holds no line break.
const linkDomain = "pongwatch-link\nv1\n"

func (l Link) signed() string {
	return linkDomain + strings.Join([]string{
		l.Purpose, l.Shard, l.Incident, strconv.Itoa(l.Reopened), l.Action, strconv.FormatInt(l.Expires.Unix(), 10), l.About,
	}, "\n")
}

// SignLink returns the query that carries l and its signature.
func SignLink(k Key, l Link) (url.Values, error) {
	for _, field := range []string{l.Purpose, l.Shard, l.Incident, l.Action, l.About} {
		if strings.ContainsAny(field, "\r\n") {
			return nil, errors.New("signing link: a field holds a line break")
		}
	}
	if k.IsZero() || l.Purpose == "" || l.Incident == "" || l.Action == "" || l.Expires.IsZero() {
		return nil, errors.New("signing link: want a key, purpose, incident, action and expiry")
	}
	return url.Values{
		paramPurpose:   {l.Purpose},
		paramShard:     {l.Shard},
		paramIncident:  {l.Incident},
		paramReopened:  {strconv.Itoa(l.Reopened)},
		paramAction:    {l.Action},
		paramAbout:     {l.About},
		paramExpires:   {strconv.FormatInt(l.Expires.Unix(), 10)},
		paramSignature: {base64.RawURLEncoding.EncodeToString(k.sum(l.signed()))},
	}, nil
}

// VerifyLink returns the link that q carries if one of the keys signed it. One that has
// expired is returned with [ErrExpired].
func VerifyLink(keys []Key, q url.Values, now time.Time) (Link, error) {
	for _, name := range []string{paramPurpose, paramShard, paramIncident, paramReopened, paramAction, paramAbout, paramExpires, paramSignature} {
		if len(q[name]) != 1 || len(q[name][0]) > maxParam || strings.ContainsAny(q[name][0], "\r\n") {
			return Link{}, ErrInvalid
		}
	}
	given, notBase64 := base64.RawURLEncoding.DecodeString(q.Get(paramSignature))
	reopened, noCount := strconv.Atoi(q.Get(paramReopened))
	seconds, noTime := strconv.ParseInt(q.Get(paramExpires), 10, 64)
	if errors.Join(notBase64, noCount, noTime) != nil {
		return Link{}, ErrInvalid
	}
	l := Link{
		Purpose: q.Get(paramPurpose), Shard: q.Get(paramShard), Incident: q.Get(paramIncident),
		Reopened: reopened, Action: q.Get(paramAction), About: q.Get(paramAbout), Expires: time.Unix(seconds, 0).UTC(),
	}
	for _, k := range keys {
		if !k.IsZero() && hmac.Equal(given, k.sum(l.signed())) {
			if !now.Before(l.Expires) {
				return l, ErrExpired
			}
			return l, nil
		}
	}
	return Link{}, ErrInvalid
}
