module github.com/pongwatch/pongwatch/tools/mutants

go 1.26.0
