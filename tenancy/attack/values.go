package attack

import (
	"database/sql"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"reflect"
	"time"

	"github.com/google/uuid"
)

// Field is a column that a create may set.
type Field struct {
	Name string
	// Type is the Go type of a value.
	Type reflect.Type
	// Required is set for a field that is neither optional nor has a default.
	Required, Immutable, JSON bool
	Enum                      []string
	// Check is the schema's validator, or nil.
	Check func(value any) error
}

// TypeOf returns the type of a struct's field.
func TypeOf[T any](*T) reflect.Type { return reflect.TypeFor[T]() }

// Check returns a validator for any value that converts to T.
func Check[T any](validate func(T) error) func(any) error {
	return func(value any) error {
		converted, ok := reflect.TypeAssert[T](reflect.ValueOf(value).Convert(reflect.TypeFor[T]()))
		if !ok || validate == nil {
			return errors.New("attack: the schema's validators are missing: import the client's package runtime")
		}
		return validate(converted)
	}
}

// ID parses an id that Entity.Create returned. It panics if the id is not a T.
func ID[T any](text string) T {
	var id T
	var err error
	switch to := any(&id).(type) {
	case *string:
		*to = text
	case encoding.TextUnmarshaler:
		err = to.UnmarshalText([]byte(text))
	default:
		_, err = fmt.Sscan(text, &id)
	}
	if err != nil {
		panic(fmt.Sprintf("attack: id %q: %v", text, err))
	}
	return id
}

// IDs formats ids as Entity.Create returns them.
func IDs[T any](ids []T) []string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = fmt.Sprint(id)
	}
	return texts
}

func (f Field) holdsCanary() bool {
	return f.JSON || len(f.Enum) == 0 && f.Type.Kind() == reflect.String
}

// value returns the first candidate that the schema's validators accept.
func (f Field) value(canary string) (any, error) {
	err := fmt.Errorf("type %s is unknown", f.Type)
	for _, value := range f.candidates(canary) {
		if f.Check == nil {
			return value, nil
		}
		if err = f.Check(value); err == nil {
			return value, nil
		}
	}
	return nil, fmt.Errorf("field %s needs a value in attack.Override.Values: %w", f.Name, err)
}

// candidates returns values of the field's type, the best first.
func (f Field) candidates(canary string) []any {
	switch {
	case f.JSON:
		object, list := fmt.Sprintf(`{"canary": %q}`, canary), fmt.Sprintf(`[%q]`, canary)
		return f.parsed(json.Unmarshal, object, list, fmt.Sprintf("%q", canary), "[]", "1", "true")
	case len(f.Enum) > 0:
		return f.converted(anys(f.Enum)...)
	case f.Type == reflect.TypeFor[time.Time]():
		return []any{time.Now().UTC().Truncate(time.Microsecond)}
	case f.Type == reflect.TypeFor[uuid.UUID]():
		return []any{uuid.New()}
	}
	texts := []string{
		canary, canary + "@example.com", "https://" + canary + ".example",
		"c" + digits(canary)[3:], digits(canary), "A", "1",
	}
	switch f.Type.Kind() {
	case reflect.String:
		return f.converted(anys(texts)...)
	case reflect.Bool:
		return f.converted(true, false)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return f.converted(number(canary), 1, 0, 10, 100, 1000, -1)
	default: // scanned or converted below
	}
	if values := f.parsed(scanText, append(texts, "10.0.0.1")...); len(values) > 0 {
		return values
	}
	if reflect.TypeFor[[]byte]().ConvertibleTo(f.Type) {
		return f.converted([]byte(canary))
	}
	return nil
}

func (f Field) converted(values ...any) []any {
	var out []any
	for _, v := range values {
		if value := reflect.ValueOf(v); value.CanConvert(f.Type) {
			out = append(out, value.Convert(f.Type).Interface())
		}
	}
	return out
}

// parsed returns what the texts can be parsed into.
func (f Field) parsed(parse func(text []byte, into any) error, texts ...string) []any {
	var out []any
	for _, text := range texts {
		value := reflect.New(f.Type)
		pointer := value
		if f.Type.Kind() == reflect.Pointer {
			value.Elem().Set(reflect.New(f.Type.Elem()))
			pointer = value.Elem()
		}
		if parse([]byte(text), pointer.Interface()) == nil {
			out = append(out, value.Elem().Interface())
		}
	}
	return out
}

func scanText(text []byte, into any) error {
	switch to := into.(type) {
	case encoding.TextUnmarshaler:
		return to.UnmarshalText(text)
	case sql.Scanner:
		return to.Scan(string(text))
	default:
		return errors.ErrUnsupported
	}
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// number returns a number from 2 to 101, mostly different for different canaries.
func number(canary string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(canary)) // never fails
	return 2 + int(h.Sum32()%100)
}

func digits(canary string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(canary)) // never fails
	return fmt.Sprintf("%010d", h.Sum32())
}
