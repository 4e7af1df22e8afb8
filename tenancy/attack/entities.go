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

const (
	entityFamily = "entities"
	entityTitle  = "The application's own code"
)

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
			ID: "E03-update", Does: "updates a row by its id", Want: WantNothing,
			Try: func(ctx context.Context, _, aim Row) (any, error) { return e.Update(ctx, aim.ID) },
		},
		{
			ID: "E04-delete", Does: "deletes a row by its id", Want: WantNothing,
			Try: func(ctx context.Context, _, aim Row) (any, error) { return e.Delete(ctx, aim.ID) },
		},
	}
}

func entityAttacks() []Attack {
	var all []Attack
	for _, p := range ordinary(Entity{}) {
		all = append(all, p.attack())
	}
	return append(all, withoutTenant().inEntities())
}

func withoutTenant() scenario {
	return scenario{
		id: "E05-no-tenant", does: "calls each of these without a tenant", required: "ErrNoTenant, before any SQL",
	}
}

func (s scenario) inEntities() Attack { return s.attack(family{name: entityFamily}) }

func (p Path) attack() Attack {
	return Attack{ID: p.ID, Family: entityFamily, Does: p.Does, Required: p.Want.String()}
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

// entities tries each path with two new tenants, because its writes are committed.
func (k *kit) entities(t test) {
	t.Parallel()
	for _, e := range k.target.Entities {
		tb := k.table(e.Table)
		if tb == nil {
			continue // registration has failed by name
		}
		t.sub(e.Name, func(t test) {
			t.Parallel()
			unset := withoutTenant().inEntities()
			t.sub(unset.ID, func(t test) {
				k.record(t, entityTitle, unset, e.Table, e.refusesUnset)
			})
			for _, p := range slices.Concat(ordinary(e), e.Paths) {
				t.sub(p.ID, func(t test) {
					k.record(t, entityTitle, p.attack(), e.Table, func(ctx context.Context) error {
						return k.path(ctx, e, tb, p)
					})
				})
			}
		})
	}
}

func (e Entity) refusesUnset(ctx context.Context) error {
	const id = "018f6d0e-0000-7000-8000-0000000000ff"
	_, create := e.Create(ctx, newCanary())
	_, list := e.List(ctx)
	_, get := e.Get(ctx, id)
	_, update := e.Update(ctx, id)
	_, remove := e.Delete(ctx, id)
	for what, err := range map[string]error{
		"create": create, "list": list, "get": get, "update": update, "delete": remove,
	} {
		if err := requireErr(err, tenancy.ErrNoTenant); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if code(err) != "" {
			return fmt.Errorf("%s: PostgreSQL refused it, not the client: %w", what, err)
		}
	}
	return nil
}

// path is tried as another tenant, without a tenant, and as the owner.
func (k *kit) path(ctx context.Context, e Entity, tb *table, p Path) error {
	h, err := k.newHarness(ctx, e)
	if err != nil {
		return err
	}
	defer h.close(ctx)
	attackerRows, victimRows := h.attacker.rows[tb.Name], h.victim.rows[tb.Name]

	got, err := p.Try(as(ctx, h.attacker.id), attackerRows[0], victimRows[0])
	given := victimRows[0].ID + victimRows[0].Canary + h.victim.id.String()
	if err := errors.Join(p.Want.other(got, err, h, tb), h.victim.leaks(resultText(got, err), given),
		h.intact(ctx)); err != nil {
		return fmt.Errorf("another tenant: %w", err)
	}
	got, err = p.Try(ctx, attackerRows[0], victimRows[0])
	if err == nil && !empty(got) {
		return fmt.Errorf("no tenant: required: nothing; got %s", resultText(got, nil))
	}
	if err := errors.Join(h.victim.leaks(resultText(got, err), given), h.intact(ctx)); err != nil {
		return fmt.Errorf("no tenant: %w", err)
	}
	got, err = p.Try(as(ctx, h.victim.id), victimRows[1], victimRows[0])
	if err != nil || empty(got) && p.Want != WantRefused {
		return fmt.Errorf("the owner: required: something; got %s", resultText(got, err))
	}
	return nil
}

func (w Want) other(got any, err error, h *harness, tb *table) error {
	var fits bool
	switch w {
	case WantOwn:
		fits = err == nil && !empty(got)
	case WantOwnCount:
		n, _ := rowsIn(h.attacker.digests[tb.Name])
		fits = err == nil && fmt.Sprint(got) == strconv.Itoa(n)
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

func rowsIn(digest string) (n int, err error) {
	count, _, _ := strings.Cut(digest, " ")
	return strconv.Atoi(count)
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
