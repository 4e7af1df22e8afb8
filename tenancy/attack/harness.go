package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// harness is two tenants with rows, and connections to reach them.
type harness struct {
	kit    *kit
	driver *pgtenant.Driver
	raw    *session
	tables []*table // those that have rows

	attacker, victim *tenant
}

type tenant struct {
	id tenancy.ID
	// stock is by table.
	stock map[string]*stock
	// secrets are values that occur in no other row.
	secrets []string
	// parents are the keys of rows of global tables that its rows reference, as text.
	parents string
}

type stock struct {
	rows []Row // the target first
	// kept and spare are rows as JSON: the target, and a valid row that does not exist.
	kept, spare string
	ctid        string
	digest      string
}

func (s *stock) count() (n int) {
	_, _ = fmt.Sscan(s.digest, &n)
	return n
}

// The numbers of rows differ, so that counts identify the tenant.
const (
	attackerRows = 1
	victimRows   = 3
)

func (k *kit) newHarness(ctx context.Context, entities ...Entity) (h *harness, err error) {
	h = &harness{kit: k}
	if h.raw, err = login(ctx, k.target.DSN); err != nil {
		return nil, err
	}
	if h.driver, err = k.open(ctx, pgtenant.WithMaxConns(harnessConns)); err != nil {
		return nil, err
	}
	for _, tb := range k.tables {
		if slices.ContainsFunc(entities, func(e Entity) bool { return e.Table == tb.Name }) {
			h.tables = append(h.tables, tb)
		}
	}
	if h.attacker, err = h.populate(ctx, entities, attackerRows); err != nil {
		return nil, err
	}
	if h.victim, err = h.populate(ctx, entities, victimRows); err != nil {
		return nil, err
	}
	a, b := h.attacker.secrets, h.victim.secrets
	h.attacker.secrets, h.victim.secrets = difference(a, b), difference(b, a)
	return h, nil
}

func (h *harness) close(ctx context.Context) {
	h.raw.close(ctx)
	_ = h.driver.Close()
}

func (h *harness) populate(ctx context.Context, entities []Entity, n int) (*tenant, error) {
	id, err := h.kit.target.Tenant(ctx)
	if err != nil {
		return nil, fmt.Errorf("create a tenant: %w", err)
	}
	p := &tenant{id: id, stock: map[string]*stock{}}
	ctx = tenancy.With(ctx, id)
	for _, e := range entities {
		if p.stock[e.Table], err = h.createRows(ctx, e, n); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	for _, tb := range h.tables {
		if err := h.readRows(ctx, p, tb); err != nil {
			return nil, fmt.Errorf("%s: %w", tb.Name, err)
		}
	}
	return p, nil
}

func (h *harness) createRows(ctx context.Context, e Entity, n int) (*stock, error) {
	s := &stock{}
	tb := h.kit.table(e.Table)
	if tb == nil {
		return nil, fmt.Errorf("no table %s with a %s", e.Table, tenantColumn)
	}
	if !tb.AppendOnly {
		n++ // for the spare row
	}
	for range n {
		canary := newCanary()
		id, err := e.Create(ctx, canary)
		if err != nil {
			return nil, fmt.Errorf("create: %w", err)
		}
		s.rows = append(s.rows, Row{Tenant: tenantOf(ctx).String(), ID: id, Canary: canary})
	}
	last := s.rows[n-1]
	image, err := h.only(ctx, "select "+spareOf(tb)+" from "+tb.SQL+" t where "+tb.Key+" = "+rls.Literal(last.ID))
	if err != nil {
		return nil, fmt.Errorf("create returned an id that its tenant cannot read: %w", err)
	}
	s.spare = image[0]
	if tb.AppendOnly {
		return s, nil
	}
	s.rows = s.rows[:n-1]
	if n, err := e.Delete(ctx, last.ID); err != nil || n != 1 {
		return nil, fmt.Errorf("delete of a new row: %d rows, %w", n, orNone(err))
	}
	return s, nil
}

// spareOf is the image of a row that does not exist: of one that is deleted afterwards or, where none can be deleted,
// of one with another id.
func spareOf(tb *table) string {
	if !tb.AppendOnly {
		return "to_jsonb(t.*)"
	}
	return "to_jsonb(t.*) || jsonb_build_object(" + rls.Literal(strings.Trim(tb.Key, `"`)) + ", gen_random_uuid())"
}

func (h *harness) readRows(ctx context.Context, p *tenant, tb *table) error {
	s := p.stock[tb.Name]
	target, err := h.only(ctx,
		"select to_jsonb(t.*), ctid from "+tb.SQL+" t where "+tb.Key+" = "+rls.Literal(s.rows[0].ID))
	if err != nil {
		return err
	}
	s.kept, s.ctid = target[0], target[1]
	all, err := h.only(ctx, "select jsonb_agg(to_jsonb(t.*)) from "+tb.SQL+" t")
	if err != nil {
		return err
	}
	p.secrets = append(p.secrets, secretsIn(all[0])...)
	for _, f := range tb.Foreign {
		if h.kit.table(f.Target) == nil {
			p.parents += parentsIn(all[0], f.Columns)
		}
	}
	s.digest, err = h.digest(ctx, tb)
	return err
}

func (h *harness) only(ctx context.Context, sql string) ([]string, error) {
	a := h.raw.run(ctx, sql)
	if a.err != nil {
		return nil, a.err
	}
	if len(a.rows) != 1 {
		return nil, fmt.Errorf("%d rows instead of one", len(a.rows))
	}
	return a.rows[0], nil
}

func digestOf(tb *table) string {
	return "select count(*), md5(coalesce(string_agg(t::text, ' ' order by t::text), '')) from " + tb.SQL + " t"
}

func (h *harness) digest(ctx context.Context, tb *table) (string, error) {
	row, err := h.only(ctx, digestOf(tb))
	return strings.Join(row, " "), err
}

func (h *harness) intact(ctx context.Context) error {
	for _, tb := range h.tables {
		digest, err := h.digest(tenancy.With(ctx, h.victim.id), tb)
		if err != nil {
			return err
		}
		if digest != h.victim.stock[tb.Name].digest {
			return fmt.Errorf("%s: another tenant's rows were changed", tb.Name)
		}
	}
	return nil
}

// spell replaces the names in braces with quoted literals and identifiers. {own} is the caller's tenant, or else the
// attacker's.
func (a *attempt) spell(ctx context.Context, sql string) string {
	tb, victim, mine := a.tb, a.victim.stock[a.tb.Name], a.attacker
	if a.isOwner(ctx) {
		mine = a.victim
	}
	own := mine.stock[tb.Name]
	return strings.NewReplacer(
		"{own}", rls.Literal(mine.id.String()), "{victim}", rls.Literal(a.victim.id.String()),
		"{table}", tb.SQL, "{key}", tb.Key, "{columns}", tb.columnList(""), "{s.columns}", tb.columnList("s."),
		"{name}", rls.Literal(tb.Name), "{id}", rls.Literal(victim.rows[0].ID), "{ctid}", rls.Literal(victim.ctid),
		"{kept}", rls.Literal(victim.kept)+"::jsonb", "{spare}", rls.Literal(victim.spare)+"::jsonb",
		"{mine}", rls.Literal(own.spare)+"::jsonb", "{ownid}", rls.Literal(own.rows[0].ID),
	).Replace(sql)
}

func (a *attempt) spellAll(ctx context.Context, statements []string) []string {
	spelled := make([]string, len(statements))
	for i, sql := range statements {
		spelled[i] = a.spell(ctx, sql)
	}
	return spelled
}

// insert is an INSERT of a row's image: a name in braces, or a jsonb expression.
func insert(image string) string {
	return "insert into {table} ({columns}) select {columns} from jsonb_populate_record(null::{table}, " + image + ")"
}

// leaks returns an error if a text contains one of the tenant's secrets that the attacker did not submit.
func (p *tenant) leaks(text, given string) error {
	for _, secret := range p.secrets {
		if strings.Contains(text, secret) && !strings.Contains(given, secret) {
			return fmt.Errorf("another tenant's value was returned: %q", secret)
		}
	}
	return nil
}

var (
	uuidForm   = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	canaryForm = regexp.MustCompile(`canary[0-9a-z]+`)
)

// secretsIn collects the distinctive texts of rows: canaries and ids.
func secretsIn(rows string) []string {
	var value any
	if err := json.Unmarshal([]byte(rows), &value); err != nil {
		return nil
	}
	var secrets []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if uuidForm.MatchString(v) {
				secrets = append(secrets, v)
			}
			secrets = append(secrets, canaryForm.FindAllString(v, -1)...)
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(value)
	slices.Sort(secrets)
	return slices.Compact(secrets)
}

// parentsIn returns the values of columns in rows.
func parentsIn(rows string, columns []string) string {
	var images []map[string]any
	if err := json.Unmarshal([]byte(rows), &images); err != nil {
		return ""
	}
	var values strings.Builder
	for _, image := range images {
		for _, column := range columns {
			fmt.Fprintln(&values, image[column])
		}
	}
	return values.String()
}

func difference(of, without []string) []string {
	return slices.DeleteFunc(slices.Clone(of), func(s string) bool { return slices.Contains(without, s) })
}
