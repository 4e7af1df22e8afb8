package slack

import (
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

// text returns a string, or a number as written. Any other type counts as absent.
func text(v gjson.Result) string {
	switch v.Type {
	case gjson.String:
		return clean(v.Str)
	case gjson.Number:
		return v.Raw
	case gjson.Null, gjson.False, gjson.True, gjson.JSON:
	}
	return ""
}

// clean replaces invalid UTF-8 and NUL, which PostgreSQL cannot store.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return s
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
	switch v.Type {
	case gjson.Null:
		return absent
	case gjson.True:
		return yes
	case gjson.False:
		return no
	case gjson.Number, gjson.String, gjson.JSON:
	}
	switch text(v) {
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
	if s == "" || len(s) > maxIdentifier {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// visible reports whether s is 1 to limit visible ASCII characters.
func visible(s string, limit int) bool {
	return s != "" && len(s) <= limit && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
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

func firstOf(candidates ...string) string {
	for _, c := range candidates {
		if c != "" {
			return c
		}
	}
	return ""
}

func firstTS(candidates ...timestamp) timestamp {
	for _, c := range candidates {
		if c.id != "" {
			return c
		}
	}
	return timestamp{}
}
