package isolation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// functions attacks the functions that answer before a tenant is known.
type functions struct{ drv *pgtenant.Driver }

// question asks a function about the session with the hash $1.
type question struct {
	sql string
	// about returns $2.
	about func(session) uuid.UUID
}

// session is a session of a membership's user.
type session struct {
	hash                 string
	user, member, tenant uuid.UUID // tenant is what the questions are about
}

func ofTenant() []question {
	tenant := func(s session) uuid.UUID { return s.tenant }
	return []question{
		{"select role from (select public.session_role($1, $2)) as r (role) where role is not null", tenant},
		{"select role from public.session_tenants($1) where tenant_id = $2", tenant},
	}
}

func ofUser() []question {
	return []question{{"select role from public.user_tenants($1, $2)", func(s session) uuid.UUID { return s.user }}}
}

func everyQuestion() []question { return append(ofTenant(), ofUser()...) }

// memberships are attacks with sessions, each of which a live session of the tenant's own proves to work.
func (f functions) memberships() []attack.Path {
	const ended = "update portal_sessions set %s where token_hash = $1"
	return []attack.Path{
		nothing("E50-role-elsewhere", "asks for its role in another tenant, and for another person's tenants",
			func(ctx context.Context, p pair) (any, error) {
				return f.asked(ctx, p, p.tenant, p.own, ofTenant(), nil)
			}),
		nothing("E50-no-admin", "asks for a person's tenants without being a platform admin",
			func(ctx context.Context, p pair) (any, error) {
				return f.asked(ctx, p, p.theirs, p.aim, ofUser(), func(ctx context.Context, s session) error {
					return f.exec(ctx, "update portal_users set is_admin = $2 where id = $1", s.user, p.isOwner())
				})
			}),
		nothing("E50-unproven", "asks for the role of a person whose address is proven to another tenant only",
			func(ctx context.Context, p pair) (any, error) {
				return f.asked(ctx, p, p.theirs, p.aim, ofTenant(), func(ctx context.Context, s session) error {
					return f.exec(ctx, "update portal_users set unproven_tenant_id = $2 where id = $1", s.user,
						p.tenant)
				})
			}),
		f.ended("E51-revoked", "asks with a session that is revoked", fmt.Sprintf(ended, "revoked_at = now()")),
		f.ended("E51-expired", "asks with a session that has expired", fmt.Sprintf(ended, "expires_at = now()")),
		f.ended("E51-idle", "asks with a session that is idle for 12 hours",
			fmt.Sprintf(ended, "last_seen_at = now() - interval '12 hours'")),
		f.ended("E51-disabled", "asks with a session of a disabled person",
			"update portal_users set disabled_at = now() "+
				"where id = (select user_id from portal_sessions where token_hash = $1)"),
		nothing("E52-no-session", "asks with texts that are no session's hash, null among them", f.withoutSession),
		nothing("E52-shadowed", "asks with an ended session after it has changed search_path", f.shadowed),
		nothing("E53-rows-behind", "reads the rows of a tenant that a stolen session names", f.rowsBehind),
	}
}

// ended asks with a session of a platform admin that has ended. Its owner's has not.
func (f functions) ended(id, does, end string) attack.Path {
	return nothing(id, does, func(ctx context.Context, p pair) (any, error) {
		return f.asked(ctx, p, p.theirs, p.aim, everyQuestion(), func(ctx context.Context, s session) error {
			err := f.promote(ctx, s)
			if err != nil || p.isOwner() {
				return err
			}
			return f.exec(ctx, end, s.hash)
		})
	})
}

func (p pair) isOwner() bool { return p.tenant == p.theirs }

// asked opens a session of a membership's user, prepares it, and asks about the target's tenant. The owner must get an
// answer to each question.
func (f functions) asked(
	ctx context.Context, p pair, tenant, membership uuid.UUID, questions []question,
	prepare func(context.Context, session) error,
) ([]string, error) {
	return f.within(ctx, p, tenant, membership, func(s session) ([]string, error) {
		if prepare != nil {
			if err := prepare(tenancy.Detach(ctx), s); err != nil {
				return nil, err
			}
		}
		return f.answers(ctx, p, s, s.hash, questions)
	})
}

func (f functions) answers(ctx context.Context, p pair, s session, hash any, questions []question) ([]string, error) {
	var all []string
	for _, q := range questions {
		got, err := f.texts(ctx, q.sql, hash, q.about(s))
		if err != nil {
			return nil, err
		}
		if p.isOwner() && len(got) == 0 {
			return nil, fmt.Errorf("the owner gets no answer to %q", q.sql)
		}
		all = append(all, got...)
	}
	return all, nil
}

// within does something with a new session, and removes the session and what was changed of its user.
func (f functions) within(
	ctx context.Context, p pair, tenant, membership uuid.UUID, do func(session) ([]string, error),
) (all []string, err error) {
	member, err := entered(ctx, tenant)
	if err != nil {
		return nil, err
	}
	s := session{hash: hash(rand.Text()), member: membership, tenant: p.theirs}
	if err := pgtenant.QueryRow(member, f.drv, "select user_id from memberships where id = $1", membership).
		Scan(&s.user); err != nil {
		return nil, err
	}
	global := context.WithoutCancel(tenancy.Detach(ctx))
	defer func() {
		err = errors.Join(err, f.exec(global, "delete from portal_sessions where token_hash = $1", s.hash),
			f.exec(global, "update portal_users set is_admin = false, disabled_at = null, unproven_tenant_id = null "+
				"where id = $1", s.user))
	}()
	if err := f.exec(global, openSession, s.hash, s.user); err != nil {
		return nil, err
	}
	return do(s)
}

const openSession = "insert into portal_sessions (token_hash, user_id, expires_at) " +
	"values ($1, $2, now() + interval '1 hour')"

func (f functions) withoutSession(ctx context.Context, p pair) (any, error) {
	return f.within(ctx, p, p.theirs, p.aim, func(s session) (all []string, err error) {
		if err := f.promote(tenancy.Detach(ctx), s); err != nil {
			return nil, err
		}
		hashes := []any{s.hash}
		if !p.isOwner() {
			hashes = append(noHashes(s.hash), s.member.String(), s.user.String())
		}
		for _, h := range hashes {
			got, err := f.answers(ctx, p, s, h, everyQuestion())
			if err != nil {
				return nil, err
			}
			all = append(all, got...)
		}
		return all, nil
	})
}

// noHashes are what a careless comparison could take for a hash.
func noHashes(h string) []any {
	return []any{nil, "", "%", strings.Repeat("0", len(h)), strings.ToUpper(h), h + " ", h[:len(h)-1], hash(h)}
}

func (f functions) shadowed(ctx context.Context, p pair) (any, error) {
	questions := everyQuestion()
	for i := range questions {
		questions[i].sql = behindPath(questions[i].sql)
	}
	return f.asked(ctx, p, p.theirs, p.aim, questions, func(ctx context.Context, s session) error {
		err := f.promote(ctx, s)
		if err != nil || p.isOwner() {
			return err
		}
		return f.exec(ctx, "update portal_sessions set revoked_at = now() where token_hash = $1", s.hash)
	})
}

// behindPath runs a query after search_path has lost the schema of the functions' tables.
func behindPath(query string) string {
	//nolint:unqueryvet // the query names its columns
	return "with path as materialized (select set_config('search_path', 'pg_temp, information_schema', true) as v) " +
		"select answer.* from path, lateral (" + query + ") as answer where v is not null"
}

func (f functions) rowsBehind(ctx context.Context, p pair) (any, error) {
	return f.within(ctx, p, p.theirs, p.aim, func(s session) ([]string, error) {
		return f.texts(ctx, "select m.id::text from public.session_tenants($1) t "+
			"join memberships m using (tenant_id)", s.hash)
	})
}

func (f functions) promote(ctx context.Context, s session) error {
	return f.exec(ctx, "update portal_users set is_admin = true where id = $1", s.user)
}

func (f functions) exec(ctx context.Context, sql string, args ...any) error {
	_, err := pgtenant.Exec(ctx, f.drv, sql, args...)
	return err
}

func (f functions) texts(ctx context.Context, sql string, args ...any) ([]string, error) {
	return pgtenant.Collect(pgtenant.Query(ctx, f.drv, sql, args...), pgtenant.RowTo[string])
}

func entered(ctx context.Context, tenant uuid.UUID) (context.Context, error) {
	id, err := tenancy.FromUUID(tenant)
	return tenancy.With(tenancy.Detach(ctx), id), err
}
