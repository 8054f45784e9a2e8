package upstash

import (
	"net/url"
	"testing"
)

func TestWhatIsTakenOutOfATextByItsHost(t *testing.T) {
	tests := []struct{ name, url, text, want string }{
		{"a host of Upstash", "https://merry-cat-1.upstash.io", "lookup merry-cat-1.upstash.io failed", "lookup [host].upstash.io failed"},
		{"its name in capitals, in the URL", "https://MERRY-CAT-1.upstash.io", "lookup merry-cat-1.upstash.io failed", "lookup [host].upstash.io failed"},
		{"its first label alone", "https://merry-cat-1.upstash.io", "no database merry-cat-1", "no database [host]"},
		{"a label of eight characters", "https://merrycat.upstash.io", "no database merrycat", "no database [host]"},
		{"a shorter label may be a word", "https://merryca.upstash.io", "no database merryca", "no database merryca"},
		{"another host", "https://gateway-1.example.com", "lookup gateway-1.example.com failed", "lookup [host] failed"},
		{"the first label of another host may be a word", "https://gateway-1.example.com", "the gateway-1 answers", "the gateway-1 answers"},
		{"this machine", "http://127.0.0.1:8079", "dial tcp 127.0.0.1:8079", "dial tcp 127.0.0.1:8079"},
		{"this machine by its name", "http://localhost:8079", "dial localhost", "dial localhost"},
		{"the host in hex", "https://merry-cat-1.upstash.io", "6d657272792d6361742d312e757073746173682e696f", "[host].upstash.io"},
		{"the host in base64, but for the character that others share", "https://merry-cat-1.upstash.io", "bWVycnktY2F0LTEudXBzdGFzaC5pbw==", "[host].upstash.iow=="},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := url.Parse(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			if got := newRedactor("AXtoken", u).clean(tt.text, 200); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
