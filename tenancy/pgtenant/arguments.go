package pgtenant

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// arguments converts Ent's arguments to types that pgx encodes in every query mode. Other types are refused before a
// connection is acquired.
func arguments(args any) ([]any, error) {
	in, ok := args.([]any)
	if !ok {
		if args == nil {
			return nil, nil
		}
		return nil, fmt.Errorf("%w: arguments must be []any, not %T", ErrArgument, args)
	}
	out := make([]any, len(in))
	for i, arg := range in {
		value, err := argument(arg)
		if err != nil {
			return nil, fmt.Errorf("%w: $%d, a %T", ErrArgument, i+1, arg)
		}
		out[i] = value
	}
	return out, nil
}

func argument(arg any) (any, error) {
	switch v := arg.(type) {
	case nil, string, bool, int64, int, float64, time.Time, []byte, []string, []int64:
		return v, nil
	case uuid.UUID:
		return pgtype.UUID{Bytes: v, Valid: true}, nil
	case []uuid.UUID:
		return uuids(v), nil
	case json.RawMessage:
		// Text fits json and jsonb in every query mode; bytes are a bytea in some.
		return string(v), nil
	case driver.Valuer:
		return valuer(v)
	}
	return reflected(reflect.ValueOf(arg))
}

func uuids(in []uuid.UUID) []pgtype.UUID {
	out := make([]pgtype.UUID, len(in))
	for i, u := range in {
		out[i] = pgtype.UUID{Bytes: u, Valid: true}
	}
	return out
}

// valuer returns the value of a Valuer. A nil pointer is NULL, as in database/sql.
func valuer(v driver.Valuer) (any, error) {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nil, nil //nolint:nilnil // nil is NULL
	}
	value, err := v.Value()
	if err != nil {
		return nil, err
	}
	if !driver.IsValue(value) {
		return nil, fmt.Errorf("its value is a %T", value)
	}
	return value, nil
}

// reflected converts pointers and named types.
func reflected(v reflect.Value) (any, error) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil, nil //nolint:nilnil // nil is NULL
		}
		return argument(v.Elem().Interface())
	case reflect.String:
		return v.String(), nil
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v.Uint(), nil
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	case reflect.Slice, reflect.Array:
		return v.Interface(), nil // pgx encodes it as an array
	default:
		return nil, fmt.Errorf("no parameter takes a %s", v.Kind())
	}
}
