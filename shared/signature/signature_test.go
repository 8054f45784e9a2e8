package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/signature"
)

// The vector of the Standard Webhooks specification and its libraries
// (github.com/standard-webhooks/standard-webhooks, spec and libraries/go tests).
const (
	vectorKey       = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTimestamp = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	otherKey        = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

func key(t testing.TB, text string) signature.Key {
	t.Helper()
	k, err := signature.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSignMatchesThePublishedVector(t *testing.T) {
	h := http.Header{}
	if err := signature.Sign(h, []signature.Key{key(t, vectorKey)}, vectorID, time.Unix(vectorTimestamp, 0), []byte(vectorBody)); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		signature.HeaderID:        {vectorID},
		signature.HeaderTimestamp: {strconv.Itoa(vectorTimestamp)},
		signature.HeaderSignature: {vectorSignature},
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestVerify(t *testing.T) {
	at := time.Unix(vectorTimestamp, 0).UTC()
	headers := func(change ...string) http.Header {
		h := http.Header{}
		h.Set(signature.HeaderID, vectorID)
		h.Set(signature.HeaderTimestamp, strconv.Itoa(vectorTimestamp))
		h.Set(signature.HeaderSignature, vectorSignature)
		for i := 0; i < len(change); i += 2 {
			h.Set(change[i], change[i+1])
		}
		return h
	}
	good := []signature.Key{key(t, vectorKey)}
	tests := []struct {
		name string
		h    http.Header
		keys []signature.Key
		body string
		now  time.Time
		ok   bool
	}{
		{"the published vector verifies", headers(), good, vectorBody, at, true},
		{"five minutes late still verifies", headers(), good, vectorBody, at.Add(5 * time.Minute), true},
		{"later is a replay", headers(), good, vectorBody, at.Add(5*time.Minute + time.Second), false},
		{"five minutes early still verifies", headers(), good, vectorBody, at.Add(-5 * time.Minute), true},
		{"earlier is refused", headers(), good, vectorBody, at.Add(-5*time.Minute - time.Second), false},
		{"the old key verifies while a new one comes first", headers(), []signature.Key{key(t, otherKey), good[0]}, vectorBody, at, true},
		{"another key does not", headers(), []signature.Key{key(t, otherKey)}, vectorBody, at, false},
		{"no key verifies nothing", headers(), nil, vectorBody, at, false},
		{"the zero key verifies nothing", headers(), []signature.Key{{}}, vectorBody, at, false},
		{"a changed body is refused", headers(), good, vectorBody + " ", at, false},
		{"a changed id is refused", headers(signature.HeaderID, "msg_other"), good, vectorBody, at, false},
		{"a changed time is refused", headers(signature.HeaderTimestamp, strconv.Itoa(vectorTimestamp+1)), good, vectorBody, at, false},
		{"one good signature among several is enough", headers(signature.HeaderSignature, "v1,AAAA v1a,xyz "+vectorSignature), good, vectorBody, at, true},
		{"a signature of an unknown version is not read", headers(signature.HeaderSignature, "v2"+vectorSignature[2:]), good, vectorBody, at, false},
		{"nine signatures are too many", headers(signature.HeaderSignature, strings.Repeat("v1,AAAA ", 8)+vectorSignature), good, vectorBody, at, false},
		{"eight are not", headers(signature.HeaderSignature, strings.Repeat("v1,AAAA ", 7)+vectorSignature), good, vectorBody, at, true},
		{"a signature that is not base64", headers(signature.HeaderSignature, "v1,*"), good, vectorBody, at, false},
		{"no id", headers(signature.HeaderID, ""), good, vectorBody, at, false},
		{"no headers at all", http.Header{}, good, vectorBody, at, false},
		{"a time that is no number", headers(signature.HeaderTimestamp, "today"), good, vectorBody, at, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := signature.Verify(tt.h, tt.keys, []byte(tt.body), tt.now)
			if tt.ok != (err == nil) {
				t.Fatalf("Verify: %v, want ok = %v", err, tt.ok)
			}
			if err != nil && !errors.Is(err, signature.ErrInvalid) {
				t.Errorf("Verify: %v, want ErrInvalid", err)
			}
			if want := (signature.Verified{ID: vectorID, At: at}); tt.ok && got != want {
				t.Errorf("Verify = %v, want %v", got, want)
			}
		})
	}
}

func TestBothKeysSignDuringARotation(t *testing.T) {
	h, at := http.Header{}, time.Unix(vectorTimestamp, 0)
	both := []signature.Key{key(t, otherKey), key(t, vectorKey)}
	if err := signature.Sign(h, both, "msg", at, []byte("body")); err != nil {
		t.Fatal(err)
	}
	for _, k := range both {
		if _, err := signature.Verify(h, []signature.Key{k}, []byte("body"), at); err != nil {
			t.Errorf("one of the two keys does not verify: %v", err)
		}
	}
	if err := signature.Sign(h, []signature.Key{{}}, "msg", at, nil); err == nil {
		t.Error("Sign accepts an empty key")
	}
}

func TestADotCannotMoveBetweenIDAndTime(t *testing.T) {
	h := http.Header{}
	k := key(t, vectorKey)
	if err := signature.Sign(h, []signature.Key{k}, "a.1614265330", time.Unix(vectorTimestamp, 0), nil); err == nil {
		t.Error("Sign accepts an id with a dot")
	}
	if err := signature.Sign(h, []signature.Key{k}, "a", time.Unix(vectorTimestamp, 0), []byte("1614265330.body")); err != nil {
		t.Fatal(err)
	}
	h.Set(signature.HeaderID, "a.1614265330")
	if _, err := signature.Verify(h, []signature.Key{k}, []byte("body"), time.Unix(vectorTimestamp, 0)); err == nil {
		t.Error("Verify accepts a signature whose parts were moved")
	}
}

// encoded returns base64 of n bytes.
func encoded(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }

func TestAnIDIsAtMost256Bytes(t *testing.T) {
	keys, at := []signature.Key{key(t, vectorKey)}, time.Unix(vectorTimestamp, 0)
	for n, ok := range map[int]bool{256: true, 257: false} {
		h := http.Header{}
		if err := signature.Sign(h, keys, strings.Repeat("a", n), at, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := signature.Verify(h, keys, nil, at); (err == nil) != ok {
			t.Errorf("an id of %d bytes: %v", n, err)
		}
	}
}

// forged returns the headers of a message that was signed by hand, with what Sign refuses.
func forged(secret, id string) http.Header {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%d.body", id, vectorTimestamp)
	h := http.Header{}
	h.Set(signature.HeaderID, id)
	h.Set(signature.HeaderTimestamp, strconv.Itoa(vectorTimestamp))
	h.Set(signature.HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return h
}

func TestVerifyRefusesAnEmptyKeyAndAnEmptyID(t *testing.T) {
	secret := strings.Repeat("k", 24)
	k := key(t, " "+secret+"\n") // white space around a key is not of it
	for _, c := range []struct {
		name       string
		secret, id string
		keys       []signature.Key
		ok         bool
	}{
		{"a key and an id", secret, "msg", []signature.Key{k}, true},
		{"an empty id", secret, "", []signature.Key{k}, false},
		{"an empty key", "", "msg", []signature.Key{{}}, false},
	} {
		if _, err := signature.Verify(forged(c.secret, c.id), c.keys, []byte("body"), time.Unix(vectorTimestamp, 0)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestSignRefusesWhatCannotBeVerified(t *testing.T) {
	k, at := key(t, vectorKey), time.Unix(vectorTimestamp, 0)
	for _, c := range []struct {
		name string
		keys []signature.Key
		id   string
	}{
		{"no key", nil, "a"},
		{"an empty key beside a good one", []signature.Key{k, {}}, "a"},
		{"no id", []signature.Key{k}, ""},
		{"an id with a line break", []signature.Key{k}, "a\nb"},
		{"an id with a dot", []signature.Key{k}, "a.b"},
	} {
		h := http.Header{}
		if err := signature.Sign(h, c.keys, c.id, at, nil); err == nil || len(h) > 0 {
			t.Errorf("%s: %v, headers %v", c.name, err, h)
		}
	}
}

func TestParseKeysSaysWhatIsWrongWithoutTheKey(t *testing.T) {
	tests := []struct {
		name, text string
		want       int
		wantErr    string
	}{
		{"one key", vectorKey + "\n", 1, ""},
		{"two keys during a rotation", vectorKey + " " + otherKey, 2, ""},
		{"none", " ", 0, "empty"},
		{"any text that is long enough", "correct-horse-battery-staple", 1, ""},
		{"any text that is too short", "correct-horse", 0, `13 bytes, want "whsec_"`},
		{"not base64", "whsec_not*base64", 0, "not base64"},
		{"too short", "whsec_c2hvcnQ=", 0, "5 bytes, want 24 to 64"},
		{"a byte too short", "whsec_" + encoded(23), 0, "23 bytes, want 24 to 64"},
		{"as short as may be", "whsec_" + encoded(24), 1, ""},
		{"as long as may be", "whsec_" + encoded(64), 1, ""},
		{"a byte too long", "whsec_" + encoded(65), 0, "65 bytes, want 24 to 64"},
		{"any text, a byte too short", strings.Repeat("k", 23), 0, "23 bytes, want"},
		{"any text, as short as may be", strings.Repeat("k", 24), 1, ""},
		{"a good key before a bad one", vectorKey + " x", 0, "1 bytes, want"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := signature.ParseKeys(tt.text)
			if len(keys) != tt.want {
				t.Errorf("%d keys, want %d", len(keys), tt.want)
			}
			if (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("error %v, want %q", err, tt.wantErr)
			}
			if err != nil && strings.Contains(err.Error(), strings.TrimPrefix(strings.TrimSpace(tt.text), "whsec_")) && strings.TrimSpace(tt.text) != "" {
				t.Errorf("error quotes the key: %v", err)
			}
		})
	}
}

func TestKeyPrintsNothing(t *testing.T) {
	k := key(t, vectorKey)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, struct{ K signature.Key }{k}); strings.Contains(got, "31f2") || strings.Contains(got, "49 242") || strings.Contains(got, "0x31") {
			t.Errorf("%s prints the key: %s", verb, got)
		}
	}
}

func TestLink(t *testing.T) {
	now := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	link := signature.Link{Purpose: "incident", Shard: "main", Incident: "20261122T182201-7F3A9K", Reopened: 1, Action: "acknowledge", Expires: now.Add(signature.LinkLifetime)}
	k := key(t, vectorKey)
	signed, err := signature.SignLink(k, link)
	if err != nil {
		t.Fatal(err)
	}
	with := func(name, value string) url.Values {
		q := maps.Clone(signed)
		q[name] = []string{value}
		return q
	}
	tests := []struct {
		name string
		q    url.Values
		keys []signature.Key
		now  time.Time
		ok   bool
	}{
		{"the link as made", signed, []signature.Key{k}, now, true},
		{"by the old key in a rotation", signed, []signature.Key{key(t, otherKey), k}, now, true},
		{"by another key", signed, []signature.Key{key(t, otherKey)}, now, false},
		{"without a key", signed, []signature.Key{{}}, now, false},
		{"just before it expires", signed, []signature.Key{k}, link.Expires.Add(-time.Second), true},
		{"when it expires", signed, []signature.Key{k}, link.Expires, false},
		{"another incident", with("i", "20261122T182201-AAAAAA"), []signature.Key{k}, now, false},
		{"another life of the incident", with("r", "2"), []signature.Key{k}, now, false},
		{"another action", with("a", "silence"), []signature.Key{k}, now, false},
		{"another purpose", with("p", "drill"), []signature.Key{k}, now, false},
		{"a longer life", with("e", "1900000000"), []signature.Key{k}, now, false},
		{"a line break moved between fields", with("s", "main\nx"), []signature.Key{k}, now, false},
		{"nothing", url.Values{}, []signature.Key{k}, now, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := signature.VerifyLink(tt.keys, tt.q, tt.now)
			if tt.ok != (err == nil) {
				t.Fatalf("VerifyLink: %v, want ok = %v", err, tt.ok)
			}
			if tt.ok && got != link {
				t.Errorf("VerifyLink = %+v, want %+v", got, link)
			}
		})
	}
	for _, broken := range []url.Values{with("r", "x"), with("e", "x"), with("sig", "*"), with("s", strings.Repeat("a", 257)), with("sig", "")} {
		if _, err := signature.VerifyLink([]signature.Key{k}, broken, now); !errors.Is(err, signature.ErrInvalid) {
			t.Errorf("%v: %v, want ErrInvalid", broken, err)
		}
	}
	twice := with("i", link.Incident)
	twice["a"] = []string{"acknowledge", "silence"}
	if _, err := signature.VerifyLink([]signature.Key{k}, twice, now); err == nil {
		t.Error("VerifyLink accepts a parameter given twice")
	}
}

func TestSignLinkRefusesWhatIsNotALink(t *testing.T) {
	k := key(t, vectorKey)
	good := signature.Link{Purpose: "p", Shard: "s", Incident: "i", Action: "a", Expires: time.Unix(vectorTimestamp, 0)}
	if _, err := signature.SignLink(signature.Key{}, good); err == nil {
		t.Error("an empty key signs")
	}
	for name, change := range map[string]func(*signature.Link){
		"no purpose": func(l *signature.Link) { l.Purpose = "" }, "no incident": func(l *signature.Link) { l.Incident = "" },
		"no action": func(l *signature.Link) { l.Action = "" }, "no expiry": func(l *signature.Link) { l.Expires = time.Time{} },
		"a line break in the purpose": func(l *signature.Link) { l.Purpose = "a\nb" }, "one in the shard": func(l *signature.Link) { l.Shard = "a\nb" },
		"one in the incident": func(l *signature.Link) { l.Incident = "a\rb" }, "one in the action": func(l *signature.Link) { l.Action = "a\nb" },
	} {
		l := good
		change(&l)
		if q, err := signature.SignLink(k, l); err == nil {
			t.Errorf("%s: signed as %v", name, q)
		}
	}
	long := good
	long.Shard = strings.Repeat("a", 256)
	q, err := signature.SignLink(k, long)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signature.VerifyLink([]signature.Key{k}, q, time.Unix(vectorTimestamp-1, 0)); err != nil {
		t.Errorf("a field of 256 bytes: %v", err)
	}
	good.Shard = ""
	if _, err := signature.SignLink(k, good); err != nil {
		t.Errorf("a link without a shard: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(vectorID, "1614265330", vectorSignature, vectorBody)
	f.Add("", "", "", "")
	f.Add("a.b", "-1", "v1, v1,", "x")
	k := key(f, vectorKey)
	f.Fuzz(func(t *testing.T, id, stamp, sig, body string) {
		h := http.Header{}
		h[signature.HeaderID], h[signature.HeaderTimestamp], h[signature.HeaderSignature] = []string{id}, []string{stamp}, []string{sig}
		v, err := signature.Verify(h, []signature.Key{k}, []byte(body), time.Unix(vectorTimestamp, 0))
		if err == nil && (v.ID != vectorID || body != vectorBody) {
			t.Errorf("forged: %q %q %q %q", id, stamp, sig, body)
		}
	})
}

func FuzzVerifyLink(f *testing.F) {
	f.Add("p=incident&s=main&i=x&r=0&a=acknowledge&e=1900000000&sig=AAAA")
	f.Add("p=%0a&sig=")
	k := key(f, vectorKey)
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if l, err := signature.VerifyLink([]signature.Key{k}, q, time.Unix(vectorTimestamp, 0)); err == nil {
			t.Errorf("forged %+v by %q", l, query)
		}
	})
}
