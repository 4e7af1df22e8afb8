package slack

import (
	"strconv"
	"strings"
	"time"
)

const (
	maxIdentifier = 64
	maxChallenge  = 512
	maxSeconds    = 9_999_999_999 // ten digits, as in a ts: the year 2286
	microDigits   = 6
)

// plain holds for an id as Slack makes them: 1 to 64 of A-Z a-z 0-9 _ and -. Our message ids rely on there being
// no dot.
func plain(s string) bool {
	if s == "" || len(s) > maxIdentifier {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_' && r != '-'
	}) < 0
}

// visible holds for 1 to limit visible ASCII characters.
func visible(s string, limit int) bool {
	return s != "" && len(s) <= limit && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// label returns the name of an event or subtype if it looks like one, "" for none, and "other" for anything else.
func label(s string) string {
	if s == "" || (plain(s) && s == strings.ToLower(s)) {
		return s
	}
	return "other"
}

// parseTS reads a ts: up to ten digits of seconds, a dot, exactly six of microseconds. All are integers, since a
// float64 can't tell neighbouring microseconds apart for much longer, nor print what it has read.
func parseTS(ts string) (time.Time, bool) {
	seconds, micros, found := strings.Cut(ts, ".")
	if !found || len(micros) != microDigits || len(seconds) > len(strconv.Itoa(maxSeconds)) {
		return time.Time{}, false
	}
	s, ok := digits(seconds)
	if !ok {
		return time.Time{}, false
	}
	us, ok := digits(micros)
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(s, us*int64(time.Microsecond)).UTC(), true
}

// digits reads a short number without the signs and underscores that strconv takes.
func digits(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
