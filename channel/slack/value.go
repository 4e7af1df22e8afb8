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

// text reads a string, or a number as it is written. Anything else is no text: an odd field never costs the message.
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

// clean makes s valid UTF-8 without NUL, which PostgreSQL cannot store.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return s
}

// identifier reads an id, also from an object that has one, and returns "" for anything that no id looks like.
func identifier(v gjson.Result) string {
	if v.IsObject() {
		v = v.Get("id")
	}
	if s := text(v); plain(s) {
		return s
	}
	return ""
}

// label reads the name of an event or subtype: "" if there is none, "other" for a text that does not look like a name.
func label(v gjson.Result) string {
	if v.Type != gjson.String {
		return ""
	}
	if v.Str == "" || plain(v.Str) && v.Str == strings.ToLower(v.Str) {
		return v.Str
	}
	return "other"
}

// answer is a yes or no as Slack wrote it.
type answer int

const (
	unsaid answer = iota // absent or null
	no
	yes
	unclear // anything but a yes or no
)

// yesOrNo reads a bool, and the forms that stand in for one.
func yesOrNo(v gjson.Result) answer {
	switch v.Type {
	case gjson.Null:
		return unsaid
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
	return unclear
}

// count reads a number that is not negative, also from a string; 0 for anything else.
func count(v gjson.Result) int64 {
	whole, _, _ := strings.Cut(text(v), ".")
	n, _ := digits(whole)
	return n
}

// seconds reads a time in seconds since 1970, zero for anything that is none.
func seconds(v gjson.Result) time.Time {
	n := count(v)
	if n == 0 || n > maxSeconds {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// plain holds for an id as Slack makes them: 1 to 64 of A-Z a-z 0-9 _ and -. Our message ids rely on there being
// no dot.
func plain(s string) bool {
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

// visible holds for 1 to limit visible ASCII characters.
func visible(s string, limit int) bool {
	return s != "" && len(s) <= limit && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// timestamp is a ts: Slack's id of a message, and its time.
type timestamp struct {
	id string // ten digits of seconds at most, a dot, six of microseconds; "" for none
	at time.Time
}

// readTS reads a ts verbatim, and repairs the forms that lost their dot (as in permalinks) or their last zeros (as in
// JSON numbers). All digits are read as integers: a float64 cannot tell neighboring microseconds apart. Zero is no ts:
// Slack writes it for what has not happened.
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

// digits reads a short number without the signs and underscores that strconv takes.
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
