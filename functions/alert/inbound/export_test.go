package inbound

// ParseEvent is what the fuzz target calls.
var ParseEvent = parseEvent
