package config

import _ "embed" // for the schema

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of the document. It is generated
// from the types of this package, so it names every key, with its description,
// default and example. The caller must not change it.
func Schema() []byte { return schema }
