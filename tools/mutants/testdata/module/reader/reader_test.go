package reader

import "testing"

func TestY(t *testing.T) {
	if got := Y(); got != 2 {
		t.Errorf("Y() = %d, want 2", got)
	}
}
