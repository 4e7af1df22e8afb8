package account

import (
	"strings"
	"unicode/utf8"
)

// maxName is the maximum length of a user's name, in characters.
const maxName = 200

// NormalizeName returns the trimmed name of a user. Returns [ErrName] if it is blank, too long, or not valid in
// PostgreSQL: not UTF-8, or with U+0000.
func NormalizeName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName ||
		strings.ContainsRune(name, 0) {
		return "", ErrName
	}
	return name, nil
}
