package outbound

import (
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// hiddenAddress stands for an IP address.
const hiddenAddress = "[address]"

// ipForms match what may be an address of version 6, and one of version 4.
var ipForms = sync.OnceValue(func() [2]*regexp.Regexp {
	return [2]*regexp.Regexp{
		regexp.MustCompile(`(?i)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}[0-9.]*(?:%[0-9a-z_.-]+)?`),
		regexp.MustCompile(`\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b`),
	}
})

// HideAddresses returns text with a mark in place of each IP address but those of this machine:
// an address reveals a host as its name does. Ports stay, because they say what was asked.
func HideAddresses(text string) string {
	forms := ipForms()
	if strings.Contains(text, ":") {
		var b strings.Builder
		done := 0
		for _, at := range forms[0].FindAllStringIndex(text, -1) {
			from, to, ok := address6(text, at[0], at[1])
			if ok {
				b.WriteString(text[done:from] + hiddenAddress)
				done = to
			}
		}
		text = b.String() + text[done:]
	}
	text = forms[1].ReplaceAllStringFunc(text, func(s string) string {
		if a, err := netip.ParseAddr(s); err == nil && own(a) {
			return s
		}
		return hiddenAddress
	})
	return strings.ReplaceAll(text, "["+hiddenAddress+"]", hiddenAddress)
}

// address6 returns where an IPv6 address lies in a match. Colons and points at an end of it may
// belong to the sentence around, and "std::dec" is a word.
func address6(text string, from, to int) (int, int, bool) {
	for _, begin := range []int{from, from + 1} {
		for end := to; end > begin+1 && end >= to-2; end-- {
			a, err := netip.ParseAddr(text[begin:end])
			if err != nil || own(a) {
				continue
			}
			before, _ := utf8.DecodeLastRuneInString(text[:begin])
			after, _ := utf8.DecodeRuneInString(text[end:])
			if !isWord(before) && !isWord(after) {
				return begin, end, true
			}
		}
	}
	return 0, 0, false
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// own reports whether an address means this machine.
func own(a netip.Addr) bool { return a.Unmap().IsLoopback() || a.IsUnspecified() }
