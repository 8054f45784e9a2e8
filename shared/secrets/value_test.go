package secrets_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/secrets"
)

const canary = "c4nary-S3cret"

func TestValueRedactsItselfEverywhere(t *testing.T) {
	v := secrets.New(canary)
	type holder struct {
		Token   secrets.Value
		Pointer *secrets.Value
		Many    []secrets.Value
		ByName  map[string]secrets.Value
		private secrets.Value
	}
	h := holder{private: v, Token: v, Pointer: &v, Many: []secrets.Value{v}, ByName: map[string]secrets.Value{"a": v}}

	outputs := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%p", "%c", "%U", "%08.3f"} {
		outputs["value "+verb] = fmt.Sprintf(verb, v)
		outputs["pointer "+verb] = fmt.Sprintf(verb, &v)
		outputs["struct "+verb] = fmt.Sprintf(verb, h)
	}
	for name, encode := range map[string]func(any) ([]byte, error){
		"json": json.Marshal,
		"slog json": func(x any) ([]byte, error) {
			var b bytes.Buffer
			slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "k", x)
			return b.Bytes(), nil
		},
		"slog text": func(x any) ([]byte, error) {
			var b bytes.Buffer
			slog.New(slog.NewTextHandler(&b, nil)).Info("m", "k", x)
			return b.Bytes(), nil
		},
	} {
		for what, x := range map[string]any{"value": v, "pointer": &v, "struct": h} {
			got, err := encode(x)
			if err != nil {
				t.Fatalf("%s of %s: %v", name, what, err)
			}
			outputs[name+" "+what] = string(got)
		}
	}
	xmlText, err := xml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	outputs["xml"] = string(xmlText)
	outputs["error"] = fmt.Errorf("sending %v: %w", v, errors.New("refused")).Error()

	for how, got := range outputs {
		for _, leak := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
			if strings.Contains(got, leak) {
				t.Errorf("%s leaks the secret: %s", how, got)
			}
		}
	}
	if got, want := fmt.Sprint(v), "[redacted]"; got != want {
		t.Errorf("Sprint = %q, want %q", got, want)
	}
	if got := v.Reveal(); got != canary {
		t.Errorf("Reveal = %q, want the secret", got)
	}
}

func TestValueEqualAndZero(t *testing.T) {
	tests := []struct {
		name string
		a, b secrets.Value
		want bool
	}{
		{"the same text is equal", secrets.New("abc"), secrets.New("abc"), true},
		{"another text is not", secrets.New("abc"), secrets.New("abd"), false},
		{"another length is not", secrets.New("abc"), secrets.New("abcd"), false},
		{"two empty ones are equal", secrets.Value{}, secrets.New(""), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.a.Equal(tt.b); got != tt.want {
				t.Errorf("Equal = %v, want %v", got, tt.want)
			}
		})
	}
	if !(secrets.Value{}).IsZero() || secrets.New("x").IsZero() {
		t.Error("IsZero is wrong")
	}
}
