package check

import "time"

// Hurry looks for proofs without pauses.
func (a *Apps) Hurry() { a.pauses = [proofReads - 1]time.Duration{} }

// Family is the pattern that stands for a key.
var Family = family

// Point and Forecast are what a forecast is made of.
type Point = point

var Forecast = forecast

// JudgeHits judges the body of an app's answer about its limiter.
var JudgeHits = judgeHits
