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
	refuseAll := func(any) error { return errors.New("refused") }
	for _, f := range []Field{
		{Type: reflect.TypeFor[string]()},
		{Type: reflect.TypeFor[word](), Check: Check(func(s string) error { return only(strings.Contains(s, "@")) })},
		{Type: reflect.TypeFor[string](), Check: Check(func(s string) error { return only(len(s) <= 8 && s != "") })},
		{Type: reflect.TypeFor[string](), Check: Check(func(s string) error {
			return only(strings.Trim(s, "0123456789") == "")
		})},
		{Type: reflect.TypeFor[word](), Enum: []string{"small", "large"}},
		{Type: reflect.TypeFor[bool](), Check: Check(func(b bool) error { return only(!b) })},
		{Type: reflect.TypeFor[int8]()},
		{Type: reflect.TypeFor[uint]()},
		{Type: reflect.TypeFor[int](), Check: Check(func(n int) error { return only(n < 0) })},
		{Type: reflect.TypeFor[float64](), Check: Check(func(f float64) error { return only(f <= 1) })},
		{Type: reflect.TypeFor[time.Time]()},
		{Type: reflect.TypeFor[time.Duration]()},
		{Type: reflect.TypeFor[uuid.UUID]()},
		{Type: reflect.TypeFor[[]byte]()},
		{Type: reflect.TypeFor[*big.Int]()},
		{Type: reflect.TypeFor[pgtype.Numeric]()},
		{Type: reflect.TypeFor[netip.Addr]()},
		{Type: reflect.TypeFor[net.IP]()},
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

		f.Name, f.Check = "status", refuseAll
		_, err = f.value(newCanary())
		require.EqualError(t, err, "field status needs a value in attack.Override.Values: refused")
	}
	_, err := Field{Name: "events", Type: reflect.TypeFor[chan int]()}.value(newCanary())
	require.EqualError(t, err, "field events needs a value in attack.Override.Values: type chan int is unknown")
}

func only(ok bool) error {
	if ok {
		return nil
	}
	return errors.New("refused")
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
