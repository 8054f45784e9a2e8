package outbound

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/shared/secrets"
)

// TestASecretIsFoundInEachEncoding: whatever stands around it, no part that was encoded of the
// secret alone is left.
func TestASecretIsFoundInEachEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[A-Za-z0-9/+_-]{12,40}`).Draw(t, "secret")
		before := rapid.StringMatching(`[a-z :]{0,9}`).Draw(t, "before")
		after := rapid.StringMatching(`[a-z :]{0,9}`).Draw(t, "after")
		whole := before + secret + after
		for name, text := range map[string]string{
			"base64":          base64.StdEncoding.EncodeToString([]byte(whole)),
			"base64 for URLs": base64.RawURLEncoding.EncodeToString([]byte(whole)),
			"hex":             hex.EncodeToString([]byte(whole)),
			"capital hex":     strings.ToUpper(hex.EncodeToString([]byte(whole))),
			"capitals":        before + strings.ToUpper(secret) + after,
		} {
			got := Redact("it answers "+text, secrets.New(secret))
			if !strings.Contains(got, redacted) {
				t.Errorf("%s: %q", name, got)
			}
			// What is left at the ends is less than four characters of it.
			if left := len(got) - len("it answers "+redacted); left > 2*(len(before)+len(after))+8 {
				t.Errorf("%s leaves %q", name, got)
			}
		}
	})
}

func TestEncodedFormsNeedALength(t *testing.T) {
	if got := encoded("1234567"); got != nil {
		t.Errorf("seven bytes: %v", got)
	}
	want := []string{"ABCDEFGH", "6162636465666768", "6162636465666768", "YWJjZGVmZ2", "YWJjZGVmZ2", "FiY2RlZmdo", "FiY2RlZmdo", "hYmNkZWZna", "hYmNkZWZna"}
	if got := encoded("abcdefgh"); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
