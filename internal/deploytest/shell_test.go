package deploytest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A block is a fenced part of a page, or a code span.
var (
	fenced   = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
	heredoc  = regexp.MustCompile(`(?ms)<<'?END'?\n(.*?)^END$`)
	assigned = regexp.MustCompile(`^\w+=`)
)

// shellOf are the commands of a page: those in fenced blocks of a shell, and code spans that begin with a program.
func shellOf(page string) [][]string {
	var all [][]string
	for _, block := range fenced.FindAllStringSubmatch(page, -1) {
		if block[1] == "sh" {
			all = append(all, commandsOf(block[2])...)
		}
	}
	for _, span := range codeSpan.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		if program, _, more := strings.Cut(span[1], " "); more && slices.Contains([]string{"gcloud", "pongwatch", "read", "terraform", "terraform/prepare"}, program) {
			all = append(all, commandsOf(span[1])...)
		}
	}
	return all
}

// commandsOf reads what documents use of a shell's language: words, quotes, comments, pipes and lists, substitutions,
// loops and here-documents. Of each command it returns the words, without assignments before it.
func commandsOf(text string) [][]string {
	text = heredoc.ReplaceAllString(strings.ReplaceAll(text, "\\\n", " "), "")
	var all [][]string
	var words []string
	word, quoted := "", false
	end := func() {
		if word != "" || quoted {
			words = append(words, word)
		}
		word, quoted = "", false
	}
	flush := func() {
		end()
		for len(words) > 0 && (assigned.MatchString(words[0]) || words[0] == "do") {
			words = words[1:]
		}
		if len(words) > 0 && !slices.Contains([]string{"for", "done"}, words[0]) {
			all = append(all, words)
		}
		words = nil
	}
	inQuotes := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "$("):
			depth, from := 0, i+2
			for i++; i < len(text); i++ {
				if text[i] == '(' {
					depth++
				} else if text[i] == ')' {
					if depth--; depth == 0 {
						break
					}
				}
			}
			all = append(all, commandsOf(text[from:min(i, len(text))])...)
			word += "$()"
		case c == '\\' && i+1 < len(text):
			i++
			word += text[i : i+1]
		case c == '"':
			inQuotes, quoted = !inQuotes, true
		case inQuotes:
			word += text[i : i+1]
		case c == '\'':
			until := strings.IndexByte(text[i+1:], '\'')
			if until < 0 {
				until = len(text) - i - 2
			}
			word, quoted = word+text[i+1:i+1+until], true
			i += until + 1
		case c == '#' && word == "":
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case strings.IndexByte(";&|\n", c) >= 0:
			flush()
		case c == ' ' || c == '\t':
			end()
		default:
			word += text[i : i+1]
		}
	}
	flush()
	return all
}

func TestCommandsAreReadAsAShellReadsThem(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       [][]string
	}{
		{"a list and a comment", "a b && c --d=e # f\ng", [][]string{{"a", "b"}, {"c", "--d=e"}, {"g"}}},
		{"quotes hold words together", `a "b c" 'd;e' f\"g`, [][]string{{"a", "b c", "d;e", `f"g`}}},
		{"a continued line is one", "a \\\n  --b", [][]string{{"a", "--b"}}},
		{"an assignment stands before a command", `T=1 U='x y' a`, [][]string{{"a"}}},
		{"a substitution is a command", `a "B $(c -d | e)" f`, [][]string{{"c", "-d"}, {"e"}, {"a", "B $()", "f"}}},
		{"a loop's body counts", "for x in a b; do\n  c $x\ndone", [][]string{{"c", "$x"}}},
		{"a here-document is no command", "cat >f <<'END'\ngcloud nonsense\nEND\nb", [][]string{{"cat", ">f"}, {"b"}}},
		{"an empty word is one", `a ""`, [][]string{{"a", ""}}},
	} {
		if diff := cmp.Diff(tt.want, commandsOf(tt.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
