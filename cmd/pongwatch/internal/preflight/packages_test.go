package preflight

import "testing"

func TestJudge(t *testing.T) {
	t.Parallel()
	floor := version{1, 28, 0}
	for text, want := range map[string]reach{
		"1.28.0": reachAlways, "1.27.9": reachNever, "==1.39.0": reachAlways, "===1.27.0": reachNever, "v1.28.0": reachAlways,
		"^1.28.0": reachAlways, "^1.27.0": reachMaybe, "~1.27.0": reachNever, "~1.28": reachAlways, "^0.99": reachNever, "^2": reachAlways,
		">=1.28": reachAlways, ">=1.20": reachMaybe, ">1.27": reachMaybe, ">=1.20,<1.28": reachNever, ">=1.20,<=1.28.0": reachMaybe, ">=1.30,<2": reachAlways,
		"~=1.27": reachMaybe, "~=1.27.0": reachNever, "1.x": reachMaybe, "1.27.x": reachNever, "2.x": reachAlways, "!=1.30.0": reachMaybe,
		"*": reachMaybe, "": reachMaybe, "latest": reachMaybe, "workspace:*": reachMaybe, "^1.28.0 || ^1.20.0": reachMaybe,
	} {
		if got := judge(text, floor); got != want {
			t.Errorf("judge(%q, %v) = %v, want %v", text, floor, got, want)
		}
	}
}
