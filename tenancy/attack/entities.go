package attack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/konstruct/konstruct/tenancy"
)

const entityFamily = "entities"

func ordinary(e Entity) []Path {
	return []Path{
		{
			ID: "E01-list", Does: "lists the rows", Want: WantOwn,
			Try: func(ctx context.Context, _, _ Row) (any, error) { return e.List(ctx) },
		},
		{
			ID: "E02-get", Does: "gets a row by its id", Want: WantNothing,
			Try: func(ctx context.Context, _, aim Row) (any, error) { return e.Get(ctx, aim.ID) },
		},
		{
			ID: "E03-update", Does: "updates a row by its id", Want: WantNothing, changes: true,
			Try: func(ctx context.Context, _, aim Row) (any, error) { return e.Update(ctx, aim.ID) },
		},
		{
			ID: "E04-delete", Does: "deletes a row by its id", Want: WantNothing, changes: true,
			Try: func(ctx context.Context, _, aim Row) (any, error) { return e.Delete(ctx, aim.ID) },
		},
	}
}

// entities lists the attacks on every entity, and the entities' own.
func entities(target Target) family {
	f := family{name: entityFamily, title: "The application's own code"}
	for _, e := range append([]Entity{{}}, target.Entities...) {
		for _, s := range e.scenarios() {
			if !slices.ContainsFunc(f.scenarios, func(listed scenario) bool { return listed.Attack == s.Attack }) {
				f.scenarios = append(f.scenarios, s)
			}
		}
	}
	return f
}

func (e Entity) scenarios() []scenario {
	var all []scenario
	for _, p := range append(ordinary(e), e.Paths...) {
		all = append(all, each(p.ID, p.Does, p.Want.String(), func(a *attempt) { a.path(e, p) }))
	}
	return slices.Insert(all, len(ordinary(e)), each("E05-no-tenant", "calls each of these without a tenant",
		"ErrNoTenant, before any SQL", e.refusesUnset))
}

func (w Want) String() string {
	switch w {
	case WantOwn:
		return "own rows only"
	case WantOwnCount:
		return "the number of its own rows"
	case WantRefused:
		return "refused"
	default:
		return "nothing"
	}
}

func (k *kit) entities(t test, f family) {
	t.Parallel()
	for _, e := range k.target.Entities {
		if k.table(e.Table) == nil {
			continue // registration has failed by name
		}
		t.sub(e.Name, func(t test) {
			t.Parallel()
			for _, s := range e.scenarios() {
				s.Family = f.name
				t.sub(s.ID, func(t test) { k.record(t, f.title, s.Attack, e.Table, s.try) })
			}
		})
	}
}

func (e Entity) refusesUnset(a *attempt) {
	const id = "018f6d0e-0000-7000-8000-0000000000ff"
	_, create := e.Create(a.ctx, newCanary())
	_, list := e.List(a.ctx)
	_, get := e.Get(a.ctx, id)
	_, update := e.Update(a.ctx, id)
	_, remove := e.Delete(a.ctx, id)
	for what, err := range map[string]error{
		"create": create, "list": list, "get": get, "update": update, "delete": remove,
	} {
		a.stepf("%s", what)
		a.requireErr(err, tenancy.ErrNoTenant)
		if code(err) != "" {
			a.failf("PostgreSQL refused it, not the client: %v", err)
		}
	}
}

// path is tried as another tenant, without a tenant, and as the owner. Both tenants are new, because its writes are
// committed.
func (a *attempt) path(e Entity, p Path) {
	h, err := a.kit.newHarness(a.ctx, e)
	a.must(err)
	a.t.Cleanup(func() { h.close(a.ctx) })
	a.with(h, a.kit.table(e.Table))
	mine, theirs := h.attacker.stock[e.Table], h.victim.stock[e.Table]
	aim := theirs.rows[0]
	unharmed := func(got any, err error) error {
		return errors.Join(
			h.victim.leaks(resultText(got, err), aim.ID+aim.Canary+h.victim.id.String()), h.intact(a.ctx))
	}

	a.step = "another tenant: "
	got, err := p.Try(a.mine, mine.rows[0], aim)
	a.must(p.Want.other(got, err, mine.count()), unharmed(got, err))

	a.step = "no tenant: "
	got, err = p.Try(a.ctx, mine.rows[0], aim)
	a.must(WantNothing.other(got, err, 0), unharmed(got, err))

	a.step = "the owner: "
	got, err = p.Try(a.theirs, theirs.rows[1], aim)
	if p.changes && a.tb.AppendOnly {
		a.must(h.intact(a.ctx))
		return
	}
	if err != nil || empty(got) && p.Want != WantRefused {
		a.failf("required: something; got %s", resultText(got, err))
	}
}

func (w Want) other(got any, err error, rows int) error {
	var fits bool
	switch w {
	case WantOwn:
		fits = err == nil && !empty(got)
	case WantOwnCount:
		fits = err == nil && fmt.Sprint(got) == strconv.Itoa(rows)
	case WantRefused:
		fits = err != nil
	default:
		fits = err != nil || empty(got)
	}
	if fits {
		return nil
	}
	return fmt.Errorf("required: %s; got %s", w, resultText(got, err))
}

// resultText returns everything in got and err as text.
func resultText(got any, err error) string {
	document, unfit := json.Marshal(got)
	var values strings.Builder
	walk(&values, reflect.ValueOf(got), map[any]bool{})
	return fmt.Sprintf("%+v\n%s\n%v\n%s\n%s", got, document, unfit, values.String(), errorText(err))
}

// walk prints the values in v. JSON omits sensitive fields, and refuses the cycles of Ent's bidirectional edges.
func walk(out *strings.Builder, v reflect.Value, seen map[any]bool) {
	switch v.Kind() {
	case reflect.Invalid:
	case reflect.Interface:
		walk(out, v.Elem(), seen)
	case reflect.Pointer:
		if visited := v.Interface(); !v.IsNil() && !seen[visited] {
			seen[visited] = true
			walk(out, v.Elem(), seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walk(out, v.Field(i), seen)
			}
		}
	case reflect.Map:
		for key, value := range v.Seq2() {
			walk(out, key, seen)
			walk(out, value, seen)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(out, "%s\n", v.Bytes())
			return
		}
		for i := range v.Len() {
			walk(out, v.Index(i), seen)
		}
	default:
		fmt.Fprintf(out, "%v\n", v.Interface())
	}
}

func empty(got any) bool {
	if got == nil {
		return true
	}
	v := reflect.ValueOf(got)
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}
