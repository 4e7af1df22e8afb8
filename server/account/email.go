package account

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxEmail is the greatest length of an address, in bytes (RFC 5321, section 4.5.3.1.3, less the brackets).
const maxEmail = 254

// maxName is the greatest length of a user's name, in characters.
const maxName = 200

// NormaliseEmail is the one form in which addresses are stored, compared and counted: trimmed, in Unicode's
// composed form (NFC), lower case. The error is [ErrEmail] for what can't be an address: not exactly one @ with
// something on both sides, white space or control characters in it, more than 254 bytes.
func NormaliseEmail(s string) (string, error) {
	if len(s) > 4*maxEmail {
		return "", ErrEmail
	}
	s = strings.ToLower(norm.NFC.String(strings.TrimSpace(s)))
	local, domain, found := strings.Cut(s, "@")
	if !found || local == "" || domain == "" || strings.Contains(domain, "@") || len(s) > maxEmail {
		return "", ErrEmail
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return "", ErrEmail
	}
	return s, nil
}
