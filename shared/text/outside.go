package text

import (
	"reflect"
	"strings"
)

// Outside makes what was just decoded from outside fit to be shown, stored and compared: every
// string inside of *v, keys of maps among them, becomes one line as [Line] makes it, of at
// most limit bytes. It is called once, where the text comes in, so that nothing behind it
// needs rules of its own. Secrets must be redacted before, because a cut one is not found.
func Outside[T any](v *T, limit int) {
	clean(reflect.ValueOf(v).Elem(), func(s string) string { return ClipBytes(Line(s), limit) })
}

// clean replaces the strings inside of v, which can be set.
func clean(v reflect.Value, line func(string) string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(line(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			clean(v.Elem(), line)
		}
	case reflect.Interface:
		if !v.IsNil() {
			v.Set(cleaned(v.Elem(), line))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				clean(field, line)
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return // bytes are no text
		}
		for i := range v.Len() {
			clean(v.Index(i), line)
		}
	case reflect.Map:
		if v.IsNil() {
			return
		}
		into := reflect.MakeMapWithSize(v.Type(), v.Len())
		for key, value := range v.Seq2() {
			into.SetMapIndex(cleaned(key, line), cleaned(value, line))
		}
		v.Set(into)
	}
}

// cleaned returns a copy of v, which cannot be set, with its strings replaced.
func cleaned(v reflect.Value, line func(string) string) reflect.Value {
	copied := reflect.New(v.Type()).Elem()
	copied.Set(v)
	clean(copied, line)
	return copied
}

// encodedWord begins what mail readers decode in a header (RFC 2047), such as
// "=?utf-8?q?all_is_well?=": it could hide what a subject says.
const encodedWord = "=?"

func withoutEncodedWords(s string) string { return strings.ReplaceAll(s, encodedWord, "= ?") }
