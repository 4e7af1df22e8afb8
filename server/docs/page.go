package docs

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
)

//go:embed page.html
var page []byte

//go:embed page.css
var style []byte

//go:embed page.js
var script []byte

// Page returns the page and its Content-Security-Policy.
func Page() (html []byte, policy string) {
	html = bytes.Replace(page, []byte("/*style*/"), style, 1)
	html = bytes.Replace(html, []byte("/*script*/"), script, 1)
	policy = "default-src 'none'; script-src " + source(script) + "; style-src " + source(style) +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return html, policy
}

// source returns the hash source of an inline text (CSP level 3, section 2.3.1).
func source(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
