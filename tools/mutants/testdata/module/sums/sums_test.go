package sums

import (
	"errors"
	"testing"
)

func TestLimit(t *testing.T) {
	if Limit(3) || !Limit(4) {
		t.Error("Limit(3) is false, Limit(4) is true")
	}
}

func TestLoose(t *testing.T) {
	if Loose(0) || !Loose(9) {
		t.Error("Loose(0) is false, Loose(9) is true")
	}
}

func TestDouble(t *testing.T) {
	if got := Double(3); got != 6 {
		t.Errorf("Double(3) = %d, want 6", got)
	}
}

func TestAt(t *testing.T) {
	if At(1, 2).X != 1 {
		t.Error("X is lost")
	}
}

func TestParse(t *testing.T) {
	if _, err := Parse(""); !errors.Is(err, errEmpty) {
		t.Errorf("Parse of an empty text returns %v", err)
	}
	if n, err := Parse("x"); n != 1 || err != nil {
		t.Errorf("Parse(x) = %d, %v", n, err)
	}
}
