package account

import (
	"strings"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/secure/precis"
)

// maxEmail is the maximum length of an address, in bytes (RFC 5321, section 4.5.3.1.3, without the brackets).
const maxEmail = 254

// erasedDomain is that of the placeholders, which exist nowhere (RFC 2606).
const erasedDomain = "erased.invalid"

// ErasedEmail returns the placeholder for the address of an erased user, which no other user can have.
func ErasedEmail(user uuid.UUID) string { return "erased-" + user.String() + "@" + erasedDomain }

// NormalizeEmail returns the form in which addresses are stored, compared and counted: trimmed, with the local part and
// each domain label mapped by the UsernameCaseMapped profile of RFC 8265 (width, lower case, NFC), which never maps two
// different letters to one. Returns [ErrEmail] unless the result has exactly one @ between non-empty parts, only
// characters of the profile, at most 254 bytes, and a domain other than that of erased users.
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
	if len(s) > maxEmail || strings.HasSuffix(s, "@"+erasedDomain) {
		return "", ErrEmail
	}
	return s, nil
}

// invisible reports non-printing characters: the profile allows joiners in some scripts.
func invisible(r rune) bool { return !unicode.IsPrint(r) }
