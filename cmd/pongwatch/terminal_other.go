//go:build !unix

package main

import "io"

// terminalSize knows no terminal here: output is plain.
func terminalSize(io.Writer) (width, height int, ok bool) { return 0, 0, false }
