package document

import "strings"

// Nearest returns the candidate that text is most probably a misspelling of, or "".
func Nearest(text string, candidates []string) string {
	if len(text) > 64 {
		return ""
	}
	given := strings.ToLower(text)
	plain := strings.NewReplacer("-", "", "_", "", " ", "")
	text = plain.Replace(strings.ToLower(text))
	best, least := "", 3
	if len(text) <= 4 {
		least = 2
	}
	for _, c := range candidates {
		if d := distance(text, plain.Replace(strings.ToLower(c))); d < least {
			best, least = c, d
		}
	}
	if best != "" {
		return best
	}
	// A word more or less: webhook_url for webhook, token for bot_token.
	for _, c := range candidates {
		if len(c) > len(best) && (strings.HasPrefix(given, c+"_") || strings.HasSuffix(given, "_"+c) || strings.HasSuffix(c, "_"+given)) {
			best = c
		}
	}
	return best
}

// Suggest returns the nearest candidate, and a question for it that follows a sentence. Both are "" without one.
func Suggest(text string, candidates []string) (question, near string) {
	if near = Nearest(text, candidates); near != "" {
		question = "; did you mean " + near + "?"
	}
	return question, near
}

// distance is the number of letters to insert, delete, replace or swap (Damerau and
// Levenshtein's, restricted).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
