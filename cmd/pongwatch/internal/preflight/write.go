package preflight

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"
	"unicode"

	"github.com/pongwatch/pongwatch/shared/text"
)

// marks are what a table shows of a status: a word, never a colour alone.
func mark(s Status) string { return strings.ToUpper(string(s)) }

// WriteTable writes the record for a terminal: a line for each result, and below what
// did not pass why and what to do.
func WriteTable(w io.Writer, r Record) error {
	width := 0
	for _, result := range r.Results {
		width = max(width, len(result.Name()))
	}
	var b strings.Builder
	section := ""
	for _, result := range r.Results {
		if result.Section != section {
			section = result.Section
			fmt.Fprintf(&b, "\n%s\n", section)
		}
		fmt.Fprintf(&b, "  %-7s  %-*s  %s\n", mark(result.Status), width, result.Name(), text.Line(said(result)))
		if result.Status == Pass || result.Status == Skipped {
			continue
		}
		for n, step := range result.Fix {
			fmt.Fprintf(&b, "  %*s  %d. %s\n", width+9, "", n+1, text.Line(step))
		}
	}
	fmt.Fprintf(&b, "\n%s\n", Summary(r))
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary says in a line what came of the run and what it cost.
func Summary(r Record) string {
	return fmt.Sprintf("%d passed, %d failed, %d warnings, %d manual, %d skipped; %d commands used",
		r.Count(Pass), r.Count(Fail), r.Count(Warn), r.Count(Manual), r.Count(Skipped), r.Commands)
}

// said is a result in a sentence.
func said(r Result) string {
	switch {
	case r.Reason == "":
		return r.Evidence
	case r.Evidence == "":
		return r.Reason
	}
	return r.Reason + ": " + r.Evidence
}

// WriteJSON writes the record as JSON.
func WriteJSON(w io.Writer, r Record) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// cell is a text inside a Markdown table, where nothing of it is markup.
func cell(s string) string {
	var b strings.Builder
	for _, c := range text.Line(s) {
		if strings.ContainsRune("\\|`*_[]<>#!~$", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

var markdown = template.Must(template.New("record").Funcs(template.FuncMap{
	"cell": cell, "mark": mark, "stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"summary": Summary,
	"lines":   func(r Result) string { return cell(strings.Join(r.Lines, " / ")) },
	"said": func(r Result) string {
		text := said(r)
		if r.Status != Pass && len(r.Fix) > 0 {
			text += " Fix: " + strings.Join(r.Fix, " ")
		}
		return cell(text)
	},
}).Parse(`# Redis production checklist: record of a run

| | |
|---|---|
| Time | {{stamp .At}} |
| pongwatch | {{cell .Version}} |
| Configuration | {{with .Configuration}}{{cell .}}{{else}}none{{end}} |
| Running pongwatch | {{with .Monitor}}{{cell .}}{{else}}not asked{{end}} |
| Result | {{summary .}} |

| Item | Line of the checklist | Result | Evidence | Time | Signed |
|---|---|---|---|---|---|
{{range .Results}}| {{cell .Name}} | {{lines .}} | {{mark .Status}} | {{said .}} | {{stamp .At}} | |
{{end}}
A result of MANUAL is for a person to confirm, one of SKIPPED was not asked in this run.

| Confirmed by | Date | Signature |
|---|---|---|
| | | |
`))

// WriteMarkdown writes the record to be signed and kept.
func WriteMarkdown(w io.Writer, r Record) error { return markdown.Execute(w, r) }

// The form that build servers read, as JUnit's own schema has it.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure"`
		Skipped *junitMessage `xml:"skipped"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes a suite for each section. What is manual or was not asked is
// skipped there, and a warning passes with its text in the output.
func WriteJUnit(w io.Writer, r Record) error {
	out := junitSuites{Name: "pongwatch preflight"}
	took := time.Duration(0)
	for _, result := range r.Results {
		if n := len(out.Suites); n == 0 || out.Suites[n-1].Name != result.Section {
			took = 0
			out.Suites = append(out.Suites, junitSuite{
				Name: result.Section, Timestamp: r.At.UTC().Format("2006-01-02T15:04:05"),
				Properties: []junitProperty{{"version", r.Version}, {"configuration", r.Configuration}},
			})
		}
		suite := &out.Suites[len(out.Suites)-1]
		c := junitCase{Name: result.Name(), Class: "preflight." + classOf(result.Section), Time: seconds(result.Took), Out: text.Line(result.Evidence)}
		switch result.Status {
		case Fail:
			c.Failure = &junitMessage{Message: text.Line(result.Reason), Type: string(result.Cause), Text: strings.Join(result.Fix, "\n")}
			suite.Failures++
		case Manual, Skipped:
			c.Skipped = &junitMessage{Message: string(result.Status) + ": " + text.Line(result.Reason)}
			suite.Skipped++
		case Warn:
			c.Out = text.Line("warning: " + said(result))
		case Pass:
		}
		took += result.Took
		suite.Tests++
		suite.Time = seconds(took)
		suite.Cases = append(suite.Cases, c)
	}
	for _, s := range out.Suites {
		out.Tests, out.Failures, out.Skipped = out.Tests+s.Tests, out.Failures+s.Failures, out.Skipped+s.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func classOf(section string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, section)
}
