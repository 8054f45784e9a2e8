package text

import "testing"

func TestPageTitle(t *testing.T) {
	for page, want := range map[string]string{
		"<html><head><title>502 Bad Gateway</title></head>":  "502 Bad Gateway",
		"<!doctype html>\n<title>Sign in &amp; go</title>":   "Sign in & go",
		"\n <title lang=en>503\n Service</title>":            "503 Service",
		"<HTML><BODY>no title</BODY></HTML>":                 "",
		`{"error":"ERR unknown command '<title>x</title>'"}`: "",
		"plain text":                          "",
		"<html><head><title>never closed":     "",
		"<svg><title>a picture</title></svg>": "",
		"<!DOCTYPE html><html lang=\"en\"><head><meta charset=utf-8><title></title>": "",
	} {
		if got := PageTitle(page); got != want {
			t.Errorf("%q has the title %q, want %q", page, got, want)
		}
	}
}
