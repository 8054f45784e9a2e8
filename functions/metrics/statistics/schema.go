package statistics

import _ "embed" // for the schema

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of [Statistics]. It is generated from
// the types. The caller must not change it.
func Schema() []byte { return schema }
