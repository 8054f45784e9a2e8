package check

import "time"

// ReadMode is what a health page says: "mock", "connected" or "".
func ReadMode(body []byte) string {
	switch m := readMode(body); {
	case m.mock && m.connected:
		return "both"
	case m.mock:
		return "mock"
	case m.connected:
		return "connected"
	default:
		return ""
	}
}

// Hurry looks for proofs without pauses.
func (a *Apps) Hurry() { a.pauses = [proofReads - 1]time.Duration{} }

// Family is the pattern that stands for a key.
var Family = family

// Point and Forecast are what a forecast is made of.
type Point = point

var Forecast = forecast
