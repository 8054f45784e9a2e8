package job

// ReadRound is what a runner reads of a scheduler's request.
var ReadRound = (*Runner).round

const MaxAhead = maxAhead
