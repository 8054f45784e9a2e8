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
)

// mark is a status as tables show it: a word, never a colour alone.
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
		fmt.Fprintf(&b, "  %-7s  %-*s  %s\n", mark(result.Status), width, result.Name(), said(result))
		if result.Status == Pass || result.Status == Skipped {
			continue
		}
		for n, step := range result.Fix {
			fmt.Fprintf(&b, "  %*s  %d. %s\n", width+9, "", n+1, step)
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

// WriteJSON writes a value, such as a record, as indented JSON.
func WriteJSON[T any](w io.Writer, v T) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Cell is a text inside a Markdown table, where nothing of it is markup.
func Cell(s string) string {
	var b strings.Builder
	for _, c := range s {
		if strings.ContainsRune("\\|`*_[]<>#!~$", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

var markdown = template.Must(template.New("record").Funcs(template.FuncMap{
	"cell": Cell, "mark": mark, "stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"summary": Summary,
	"lines":   func(r Result) string { return Cell(strings.Join(r.Lines, " / ")) },
	"said": func(r Result) string {
		text := said(r)
		if r.Status != Pass && len(r.Fix) > 0 {
			text += " Fix: " + strings.Join(r.Fix, " ")
		}
		return Cell(text)
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

var junit = template.Must(template.New("junit").Funcs(template.FuncMap{
	"xml": func(s string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
		return b.String()
	},
	"said": said, "join": func(steps []string) string { return strings.Join(steps, "\n") },
	"seconds": func(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) },
	"class":   classOf, "skipped": func(r Record) int { return r.Count(Manual) + r.Count(Skipped) },
	"suites": func(r Record) []Record {
		var out []Record
		for _, result := range r.Results {
			if n := len(out); n == 0 || out[n-1].Results[0].Section != result.Section {
				out = append(out, Record{At: r.At, Version: r.Version, Configuration: r.Configuration})
			}
			last := &out[len(out)-1]
			last.Results = append(last.Results, result)
		}
		return out
	},
	"took": func(r Record) (sum time.Duration) {
		for _, result := range r.Results {
			sum += result.Took
		}
		return sum
	},
}).Parse(xml.Header + `<testsuites name="pongwatch {{.Command}}" tests="{{len .Results}}" failures="{{.Count "fail"}}" skipped="{{skipped .}}">
{{- range suites .}}{{$section := (index .Results 0).Section}}
  <testsuite name="{{xml $section}}" tests="{{len .Results}}" failures="{{.Count "fail"}}" skipped="{{skipped .}}" time="{{seconds (took .)}}" timestamp="{{.At.UTC.Format "2006-01-02T15:04:05"}}">
    <properties>
      <property name="version" value="{{xml .Version}}"></property>
      <property name="configuration" value="{{xml .Configuration}}"></property>
    </properties>
{{- range .Results}}
    <testcase name="{{xml .Name}}" classname="{{$.Command}}.{{class $section}}" time="{{seconds .Took}}">
{{- if eq .Status "fail"}}
      <failure message="{{xml .Reason}}"{{with .Cause}} type="{{.}}"{{end}}>{{xml (join .Fix)}}</failure>
{{- else if or (eq .Status "manual") (eq .Status "skipped")}}
      <skipped message="{{.Status}}: {{xml .Reason}}"></skipped>
{{- end}}
{{- if eq .Status "warn"}}
      <system-out>{{xml (printf "warning: %s" (said .))}}</system-out>
{{- else if .Evidence}}
      <system-out>{{xml .Evidence}}</system-out>
{{- end}}
    </testcase>
{{- end}}
  </testsuite>
{{- end}}
</testsuites>
`))

// WriteJUnit writes a suite for each section, in the form that build servers read. What
// is manual or was not asked is skipped there, and a warning passes with its text in
// the output.
func WriteJUnit(w io.Writer, r Record) error { return junit.Execute(w, r) }

func classOf(section string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || r == '_' {
			return unicode.ToLower(r)
		}
		return -1
	}, section)
}
