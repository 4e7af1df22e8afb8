package returning

import (
	"database/sql/driver"
	"encoding/hex"
	"reflect"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// uniform reports whether all values are equal.
func uniform(values []any) bool {
	switch first := values[0].(type) {
	case nil, string, bool, int, int64, time.Time, uuid.UUID:
	case driver.Valuer: // its value may differ each time
		return false
	default:
		if reflect.TypeOf(first).Kind() != reflect.String { // an enum
			return false
		}
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return false
		}
	}
	return true
}

// array returns a column's values as an array argument: a slice that pgx encodes fast, or the text of a PostgreSQL
// array.
func array(c column) (any, error) {
	if c.typ == field.TypeOther { // it may be an array, and PostgreSQL has no arrays of arrays
		return nil, errUnusual
	}
	switch c.values[0].(type) {
	case uuid.UUID:
		return slice[uuid.UUID](c)
	case time.Time:
		return slice[time.Time](c)
	}
	return literal(c)
}

func slice[T any](c column) (any, error) {
	out := make([]T, len(c.values))
	for i, v := range c.values {
		t, ok := v.(T)
		if !ok { // a NULL
			return literal(c)
		}
		out[i] = t
	}
	return out, nil
}

// literal returns {…}; see https://www.postgresql.org/docs/current/arrays.html#ARRAYS-INPUT.
func literal(c column) (string, error) {
	b := []byte{'{'}
	for i, v := range c.values {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendElement(b, c.typ, v); err != nil {
			return "", err
		}
	}
	return string(append(b, '}')), nil
}

func appendElement(b []byte, typ field.Type, v any) ([]byte, error) {
	if _, ok := v.(sql.ParamFormatter); ok { // SQL around the value
		return nil, errUnusual
	}
	v, err := driver.DefaultParameterConverter.ConvertValue(v)
	if err != nil {
		return nil, errUnusual
	}
	switch v := v.(type) {
	case nil:
		return append(b, "NULL"...), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float64:
		return strconv.AppendFloat(b, v, 'g', -1, 64), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case []byte:
		if v == nil {
			return append(b, "NULL"...), nil
		}
		if typ != field.TypeBytes { // the driver decides how to encode bytes for another type
			return nil, errUnusual
		}
		return append(hex.AppendEncode(append(b, `"\\x`...), v), '"'), nil
	case string:
		return appendQuoted(b, v), nil
	}
	return nil, errUnusual // a time, whose zone depends on the column
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for {
		i := strings.IndexAny(s, `"\`)
		if i < 0 {
			return append(append(b, s...), '"')
		}
		b = append(append(b, s[:i]...), '\\', s[i])
		s = s[i+1:]
	}
}
