package slack

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

const (
	maxIdentifier = 64
	maxChallenge  = 512
	maxHandle     = 512           // event_context
	maxSeconds    = 9_999_999_999 // ten digits, as in a ts: the year 2286
	secondDigits  = 10
	microDigits   = 6
)

// text returns a string, or a number as written. Any other type counts as absent. Invalid UTF-8 and NUL, which
// PostgreSQL cannot store, are replaced.
func text(v gjson.Result) string {
	if v.Type == gjson.Number {
		return v.Raw
	}
	return strings.ReplaceAll(strings.ToValidUTF8(v.Str, "\uFFFD"), "\x00", "\uFFFD")
}

// identifier returns an id, also from an object with an "id", or "" if it is malformed.
func identifier(v gjson.Result) string {
	if v.IsObject() {
		v = v.Get("id")
	}
	if s := text(v); isID(s) {
		return s
	}
	return ""
}

// label returns the name of a type or subtype: "" if absent, "other" if malformed.
func label(v gjson.Result) string {
	if v.Type != gjson.String {
		return ""
	}
	if v.Str == "" || isID(v.Str) && v.Str == strings.ToLower(v.Str) {
		return v.Str
	}
	return "other"
}

// boolean is a bool as Slack wrote it.
type boolean int

const (
	absent boolean = iota // or null
	no
	yes
	invalid
)

// readBool also reads "true", "false", 1 and 0.
func readBool(v gjson.Result) boolean {
	if v.Type == gjson.Null {
		return absent
	}
	switch cmp.Or(v.Str, v.Raw) {
	case "true", "1":
		return yes
	case "false", "0":
		return no
	}
	return invalid
}

// count returns a non-negative number, also from a string, or 0.
func count(v gjson.Result) int64 {
	whole, _, _ := strings.Cut(text(v), ".")
	n, _ := digits(whole)
	return n
}

// seconds returns a time given in seconds since 1970, or the zero time.
func seconds(v gjson.Result) time.Time {
	n := count(v)
	if n == 0 || n > maxSeconds {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// isID reports whether s has the form of Slack's ids: 1 to 64 of A-Z a-z 0-9 _ and -. Message ids rely on the absence
// of dots.
func isID(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return s != "" && len(s) <= maxIdentifier && strings.Trim(s, letters+"0123456789_-") == ""
}

// visible reports whether s is 1 to limit visible ASCII characters.
func visible(s string, limit int) bool {
	invisible := func(r rune) bool { return r <= ' ' || r > '~' }
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, invisible)
}

// timestamp is a ts, which is a message's id and time.
type timestamp struct {
	id string // up to ten digits of seconds, a dot, six of microseconds; or ""
	at time.Time
}

// readTS reads a ts verbatim, and repairs forms without a dot (permalinks) or trailing zeros (JSON numbers). Digits are
// read as integers, because a float64 cannot represent microseconds. Slack writes 0 for events that did not happen, so
// it counts as absent.
func readTS(v gjson.Result) timestamp {
	whole, micros, dotted := strings.Cut(text(v), ".")
	if !dotted && len(whole) == secondDigits+microDigits {
		whole, micros = whole[:secondDigits], whole[secondDigits:]
	}
	if len(whole) > secondDigits || len(micros) > microDigits || dotted && micros == "" {
		return timestamp{}
	}
	micros += strings.Repeat("0", microDigits-len(micros))
	s, ok := digits(whole)
	if !ok {
		return timestamp{}
	}
	us, ok := digits(micros)
	if !ok || s == 0 && us == 0 {
		return timestamp{}
	}
	return timestamp{id: whole + "." + micros, at: time.Unix(s, us*int64(time.Microsecond)).UTC()}
}

// digits parses decimal digits only, without the signs that strconv accepts.
func digits(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
