package account

import (
	"strings"
	"unicode"

	"golang.org/x/text/secure/precis"
)

// maxEmail is the greatest length of an address, in bytes (RFC 5321, section 4.5.3.1.3, less the brackets).
const maxEmail = 254

// maxName is the greatest length of a user's name, in characters.
const maxName = 200

// NormalizeEmail returns the one form in which addresses are stored, compared and counted: trimmed, then the part before
// the @ and each label after it folded by the UsernameCaseMapped profile of RFC 8265 (width, lower case, NFC), which
// never folds two different letters into one. The error is [ErrEmail] unless there is exactly one @ with something on both
// sides, no white space, control or other characters that the profile disallows, and at most 254 bytes.
func NormalizeEmail(s string) (string, error) {
	if len(s) > 4*maxEmail {
		return "", ErrEmail
	}
	local, domain, _ := strings.Cut(strings.TrimSpace(s), "@")
	parts := append([]string{local}, strings.Split(domain, ".")...)
	for i, part := range parts {
		folded, err := precis.UsernameCaseMapped.String(part)
		if err != nil || folded == "" || strings.Contains(folded, "@") || strings.ContainsFunc(folded, invisible) {
			return "", ErrEmail
		}
		parts[i] = folded
	}
	s = parts[0] + "@" + strings.Join(parts[1:], ".")
	if len(s) > maxEmail {
		return "", ErrEmail
	}
	return s, nil
}

// invisible reports characters that do not print: the profile allows joiners in some scripts.
func invisible(r rune) bool { return !unicode.IsPrint(r) }
