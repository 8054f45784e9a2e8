package check

import (
	"encoding/json"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// Hurry looks for proofs without pauses.
func (a *Apps) Hurry() { a.pauses = [proofReads - 1]time.Duration{} }

// Family is the pattern that stands for a key.
var Family = family

// Point and Forecast are what a forecast is made of.
type Point = point

var Forecast = forecast

// JudgeHits judges an app's answer about its limiter.
func JudgeHits(body []byte) report.Observation {
	var answer proofAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return unknown(err)
	}
	return judgeHits(answer.Limiter)
}
