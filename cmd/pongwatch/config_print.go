package main

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/config/document"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/text"
)

func configPrintCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "print [FILE…]",
		Short: "Print the configuration with every default filled in",
		Long: `Prints the files as one document or, without files, what the environment configures, with
every default that applies. A secret is printed as its reference, and one in plain text as
"[redacted]".

Exit codes: 0 no problems, 1 problems, which are printed to stderr, 2 the configuration could not be read.`,
		Example: `  pongwatch config print pongwatch.yaml
  pongwatch config print --json | jq .alerting`,
	}
	var d documents
	d.register(c)
	c.RunE = func(c *cobra.Command, files []string) error {
		cfg, problems, err := d.read(c, files)
		if err != nil {
			return err
		}
		for _, p := range problems {
			fmt.Fprintln(c.ErrOrStderr(), p.Error())
		}
		if cfg == nil {
			return negative("")
		}
		return d.print(c.OutOrStdout(), filled{cfg}, problems.Err() == nil)
	}
	return c
}

// filled is a configuration to print.
type filled struct{ config *config.Config }

func (f filled) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# configuration %s, with every default\n", f.config.Hash())
	tree, _ := treeOf(reflect.ValueOf(*f.config), document.Key{}).(object)
	tree.write(&b, "")
	_, err := io.WriteString(w, b.String())
	return err
}

func (f filled) MarshalJSON() ([]byte, error) {
	return json.Marshal(treeOf(reflect.ValueOf(*f.config), document.Key{}))
}

// object is a mapping in the order of the manual, keyed one of its keys.
type (
	object []keyed
	keyed  struct {
		key   string
		value any // object, list, or a scalar: string, bool, number
	}
	list []any
)

func (o object) MarshalJSON() ([]byte, error) {
	parts := make([]string, len(o))
	for i, e := range o {
		value, err := json.Marshal(e.value)
		if err != nil {
			return nil, err
		}
		parts[i] = strconv.Quote(e.key) + ":" + string(value)
	}
	return []byte("{" + strings.Join(parts, ",") + "}"), nil
}

// treeOf returns a value of the configuration as the document has it under that key, and nil for one
// that the document would leave out.
func treeOf(v reflect.Value, k document.Key) any {
	// A zero that the document does not accept stands for "not given".
	if v.IsZero() && v.Kind() != reflect.Bool && v.Kind() != reflect.Struct && k.Low != "0" && k.Low != "0s" {
		return nil
	}
	switch of := v.Interface().(type) {
	case config.Secret:
		if !of.IsSet() {
			return nil
		}
		return secretText(of, k.Plain)
	case time.Duration:
		return text.Short(of)
	case fmt.Stringer:
		return of.String()
	}
	switch v.Kind() {
	case reflect.Pointer:
		return treeOf(v.Elem(), document.Key{})
	case reflect.Struct:
		var o object
		for _, k := range document.Keys(v.Type()) {
			if value := treeOf(v.FieldByIndex(k.Index), k); value != nil {
				o = append(o, keyed{k.Name, value})
			}
		}
		if o == nil {
			return nil
		}
		return o
	case reflect.Slice:
		var l list
		for i := range v.Len() {
			if value := treeOf(v.Index(i), document.Key{}); value != nil {
				l = append(l, value)
			}
		}
		if l == nil {
			return nil
		}
		return l
	case reflect.Map:
		var o object
		for key, value := range v.Seq2() {
			o = append(o, keyed{key.String(), value.String()})
		}
		if o == nil {
			return nil
		}
		slices.SortFunc(o, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
		return o
	case reflect.String:
		return v.String()
	}
	return v.Interface()
}

// secretText returns the reference. A value is shown only where it is no secret, as an address.
func secretText(s config.Secret, plain bool) string {
	if plain && !s.IsReference() {
		if e, err := s.Get(nil, nil); err == nil { //nolint:staticcheck // a value is not read from anywhere
			return outbound.Redact(e.Value.Reveal())
		}
	}
	return s.String()
}

func (o object) write(b *strings.Builder, indent string) {
	for _, e := range o {
		fmt.Fprintf(b, "%s%s:", indent, scalar(e.key))
		switch of := e.value.(type) {
		case object:
			b.WriteByte('\n')
			of.write(b, indent+"  ")
		case list:
			of.write(b, indent)
		default:
			fmt.Fprintf(b, " %s\n", scalar(of))
		}
	}
}

// write writes scalars in one line, and objects below one another.
func (l list) write(b *strings.Builder, indent string) {
	if _, ok := l[0].(object); !ok {
		texts := make([]string, len(l))
		for i, v := range l {
			texts[i] = scalar(v)
		}
		fmt.Fprintf(b, " [%s]\n", strings.Join(texts, ", "))
		return
	}
	b.WriteByte('\n')
	for _, v := range l {
		var item strings.Builder
		o, _ := v.(object)
		o.write(&item, indent+"    ")
		b.WriteString(indent + "  - " + strings.TrimPrefix(item.String(), indent+"    "))
	}
}

var plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$|^[0-9]+(\.[0-9]+)?[a-zA-Z0-9.]*$`)

// scalar writes a text without quotes where YAML reads it as that text.
func scalar(v any) string {
	s, ok := v.(string)
	if !ok {
		return fmt.Sprint(v)
	}
	if plainScalar.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(s)) {
		_, number := strconv.ParseFloat(s, 64)
		_, whole := strconv.ParseInt(s, 0, 64) // 0x1f
		if number != nil && whole != nil {
			return s
		}
	}
	return strconv.Quote(s)
}
