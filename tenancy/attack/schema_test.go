package attack

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"entgo.io/ent"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

func TestGeneratedValues(t *testing.T) {
	t.Parallel()
	type (
		word   string
		author struct{ Name string }
	)
	for _, f := range []Field{
		of[string](nil),
		of(func(w word) bool { return strings.Contains(string(w), "@") }),
		of(func(s string) bool { return len(s) <= 8 && s != "" }),
		of(func(s string) bool { return strings.Trim(s, "0123456789") == "" }),
		{Type: reflect.TypeFor[word](), Enum: []string{"small", "large"}},
		of(func(b bool) bool { return !b }),
		of[int8](nil),
		of[uint](nil),
		of(func(n int) bool { return n < 0 }),
		of(func(f float64) bool { return f <= 1 }),
		of[time.Time](nil),
		of[time.Duration](nil),
		of[uuid.UUID](nil),
		of[[]byte](nil),
		of[*big.Int](nil),
		of[pgtype.Numeric](nil),
		of[netip.Addr](nil),
		of[net.IP](nil),
		{Type: reflect.TypeFor[json.RawMessage](), JSON: true},
		{Type: reflect.TypeFor[map[string]string](), JSON: true},
		{Type: reflect.TypeFor[author](), JSON: true},
		{Type: reflect.TypeFor[*author](), JSON: true},
		{Type: reflect.TypeFor[[]author](), JSON: true},
		{Type: reflect.TypeFor[any](), JSON: true},
	} {
		value, err := f.value(newCanary())
		require.NoError(t, err, f.Type)
		require.True(t, reflect.TypeOf(value).AssignableTo(f.Type), "%T for %s", value, f.Type)

		f.Name, f.Check = "status", func(any) error { return errors.New("refused") }
		_, err = f.value(newCanary())
		require.EqualError(t, err, "field status needs a value in attack.Override.Values: refused")
	}
	_, err := Field{Name: "events", Type: reflect.TypeFor[chan int]()}.value(newCanary())
	require.EqualError(t, err, "field events needs a value in attack.Override.Values: type chan int is unknown")
}

// of is a field of a type whose values must be valid.
func of[T any](valid func(T) bool) Field {
	f := Field{Type: reflect.TypeFor[T]()}
	if valid != nil {
		f.Check = Check(func(value T) error {
			if valid(value) {
				return nil
			}
			return errors.New("refused")
		})
	}
	return f
}

func TestIDs(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	require.Equal(t, id, ID[uuid.UUID](IDs([]uuid.UUID{id})[0]))
	require.Equal(t, "a b", ID[string]("a b"))
	require.Equal(t, int64(7), ID[int64](IDs([]int64{7})[0]))
	require.Panics(t, func() { ID[int]("x") })
}

// Every value that code returns is searched for leaks, also over edges that form a cycle.
func TestResultTextVisitsEveryValue(t *testing.T) {
	t.Parallel()
	type child struct {
		ID     uuid.UUID
		Raw    json.RawMessage
		Secret map[string]string `json:"-"`
		Parent any
		hidden string
	}
	type parent struct{ Children []*child }
	c := &child{
		ID: uuid.New(), Raw: json.RawMessage(`["canaryraw"]`), Secret: map[string]string{"token": "canarysecret"},
		hidden: "canaryhidden",
	}
	p := &parent{Children: []*child{nil, c}}
	c.Parent = p
	text := resultText([]*parent{p}, errors.New("canaryerror"))
	for _, value := range []string{c.ID.String(), "canaryraw", "canarysecret", "canaryerror"} {
		require.Contains(t, text, value)
	}
	require.NotContains(t, text, c.hidden)
}

// The schema is written by hand as the generator would write it.
func TestOverrides(t *testing.T) {
	t.Parallel()
	var set map[string]any
	note := Schema{
		Name: "Note", Table: "public.notes",
		Fields: []Field{
			{Name: tenantColumn, Type: reflect.TypeFor[uuid.UUID](), Required: true, Immutable: true},
			{Name: "body", Type: reflect.TypeFor[string](), Required: true},
			{Name: "secret", Type: reflect.TypeFor[chan int](), Required: true},
		},
		Create: func(_ context.Context, fill func(Mutation) error) (string, error) {
			set = map[string]any{}
			return "1", fill(fields{set: set})
		},
	}
	_, err := Entities([]Schema{note})[0].Create(t.Context(), "canary")
	require.EqualError(t, err,
		"attack: create a Note from generated values: field secret needs a value in attack.Override.Values: "+
			"type chan int is unknown (attack.Override replaces values and callbacks)")

	entities := Entities([]Schema{note, {Name: "Country"}},
		Override{Entity: Entity{Name: "Note", Paths: []Path{{ID: "X1"}}}, Values: func(canary string) map[string]any {
			return map[string]any{"secret": canary + " sealed"}
		}},
		Override{Entity: Entity{Name: "Invoice"}},
	)
	require.Len(t, entities, 2, "a schema without a tenant is not registered, an entity without a schema is")
	require.Equal(t, "X1", entities[0].Paths[len(entities[0].Paths)-1].ID)
	_, err = entities[0].Create(t.Context(), "canary")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"body": "canary", "secret": "canary sealed"}, set)

	note.Edges = []Edge{{Name: "parent", To: "Note", Required: true}}
	_, err = Entities([]Schema{note})[0].Create(t.Context(), "canary")
	require.ErrorContains(t, err, "edge parent requires a Note, whose row is being created")
}

type fields struct {
	Mutation

	set map[string]any
}

func (f fields) SetField(name string, value ent.Value) error {
	f.set[name] = value
	return nil
}
