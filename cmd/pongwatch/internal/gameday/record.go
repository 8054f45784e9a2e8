package gameday

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"text/template"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/text"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// Record is a whole game day: what is printed, kept and signed.
type Record struct {
	At      time.Time `json:"at"`
	Version string    `json:"version"`
	// App has the addresses that were requested, Database what stood behind the proxy.
	App      []string `json:"app"`
	Database string   `json:"database"`
	// Pongwatch is the address of the one that was read, if any.
	Pongwatch string `json:"pongwatch,omitempty"`
	Load      string `json:"load"`
	// Score is the share of Gained in Asked, of 100, and never rounded up.
	Score  int   `json:"score"`
	Gained int   `json:"gained"`
	Asked  int   `json:"asked"`
	Rows   []Row `json:"rows"`
}

// Add takes the rows, and scores them.
func (r *Record) Add(rows []Row) {
	r.Rows = rows
	for _, row := range rows {
		gained, asked := row.points()
		r.Gained, r.Asked = r.Gained+gained, r.Asked+asked
	}
	if r.Asked > 0 {
		r.Score = 100 * r.Gained / r.Asked
	}
}

// Cell is the answer to one question about one fault.
type Cell struct {
	Question string `json:"question"`
	preflight.Finding
	// Points are what a pass is worth; what was not asked is worth nothing.
	Points int `json:"points"`
	// Seconds is how long it took, from the fault or from its end.
	Seconds float64 `json:"seconds,omitempty"`

	after time.Duration
}

// Row is a fault that was played.
type Row struct {
	Cause   cause.Cause      `json:"cause"`
	Mode    upstashtest.Mode `json:"mode"`
	At      time.Time        `json:"at"`
	Seconds float64          `json:"seconds"`
	Cells   []Cell           `json:"cells"`
}

// points returns the points that were gained, and how many there were to gain.
func (r Row) points() (gained, asked int) {
	for _, c := range r.Cells {
		if c.Status != preflight.Skipped {
			asked += c.Points
		}
		if c.Status == preflight.Pass {
			gained += c.Points
		}
	}
	return gained, asked
}

// shown is a cell of the matrix: a word, and how long it took.
func (c Cell) shown() string {
	word := map[preflight.Status]string{preflight.Pass: "pass", preflight.Fail: "FAIL", preflight.Skipped: "not asked"}[c.Status]
	if c.Status == preflight.Pass && c.Seconds > 0 {
		word += fmt.Sprintf(" %.1f s", c.Seconds)
	}
	return word
}

// said is a cell that is no pass in a sentence.
func (c Cell) said() string {
	if c.Evidence == "" {
		return c.Reason
	}
	return c.Reason + ": " + c.Evidence
}

// madeUp says how the score is made up.
func madeUp() string {
	var parts []string
	for _, q := range questions {
		parts = append(parts, fmt.Sprintf("%s %d", q.ID, q.Points))
	}
	return "points of each cause: " + strings.Join(parts, ", ") + "; what is not asked does not count"
}

// Summary is the score in a line.
func Summary(r Record) string {
	return fmt.Sprintf("score %d of 100: %d of %s in %s", r.Score, r.Gained, text.Count(r.Asked, "point", "points"), text.Count(len(r.Rows), "cause", "causes"))
}

// WriteTable writes the matrix for a terminal, and below it what failed, why and what to do.
func WriteTable(w io.Writer, r Record) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "cause")
	for _, q := range questions {
		fmt.Fprintf(table, "\t%s", q.ID)
	}
	fmt.Fprintln(table)
	for _, row := range r.Rows {
		fmt.Fprint(table, row.Cause)
		for _, c := range row.Cells {
			fmt.Fprintf(table, "\t%s", c.shown())
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // a Builder takes everything
	for _, row := range r.Rows {
		for _, c := range row.Cells {
			if c.Status == preflight.Fail {
				fmt.Fprintf(&b, "\n%s, %s: %s\n  %s\n", row.Cause, c.Question, c.said(), strings.Join(c.Fix, "\n  "))
			}
		}
	}
	fmt.Fprintf(&b, "\n%s\n%s\n", Summary(r), madeUp())
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJUnit writes a suite for each cause and a case for each question.
func WriteJUnit(w io.Writer, r Record) error {
	list := preflight.Record{Command: "gameday", At: r.At, Version: r.Version}
	for _, row := range r.Rows {
		for i, c := range row.Cells {
			list.Results = append(list.Results, preflight.Result{
				ID: c.Question, Section: string(row.Cause), Title: questions[i].Title, At: row.At,
				Took: time.Duration(c.Seconds * float64(time.Second)), Finding: c.Finding,
			})
		}
	}
	return preflight.WriteJUnit(w, list)
}

var markdown = template.Must(template.New("record").Funcs(template.FuncMap{
	"cell": preflight.Cell, "stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) }, "summary": Summary, "madeup": madeUp,
	"join": func(parts []string) string { return strings.Join(parts, " ") }, "shown": Cell.shown, "said": Cell.said,
	"questions": Questions, "title": func(i int) string { return questions[i].Title },
	"failed": func(c Cell) bool { return c.Status == preflight.Fail },
}).Parse(`# Game day: record

| | |
|---|---|
| Time | {{stamp .At}} |
| pongwatch | {{cell .Version}} |
| App | {{cell (join .App)}} |
| Database | {{cell .Database}} |
| Running pongwatch | {{with .Pongwatch}}{{cell .}}{{else}}not asked{{end}} |
| Load | {{cell .Load}} |
| Result | {{summary .}} |

| Cause |{{range questions}} {{.Title}} |{{end}}
|---|{{range questions}}---|{{end}}
{{range .Rows}}| {{cell (print .Cause)}} |{{range .Cells}} {{shown .}} |{{end}}
{{end}}
How the score is made up: {{madeup}}.

{{range $row := .Rows}}{{range $i, $c := .Cells}}{{if failed $c}}- {{cell (print $row.Cause)}}, {{title $i}}: {{cell (said $c)}}. {{cell (join $c.Fix)}}
{{end}}{{end}}{{end}}
| Confirmed by | Date | Signature |
|---|---|---|
| | | |
`))

// WriteMarkdown writes the record to be signed and kept.
func WriteMarkdown(w io.Writer, r Record) error { return markdown.Execute(w, r) }
