package job

// What a scheduler may ask for.
var (
	Parse     = parse
	PickShard = pickShard
)

const MaxAhead = maxAhead
