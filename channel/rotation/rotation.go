package rotation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/channelconnection"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	tenantPage = 500
	// connectionPage is small because a connection's secrets may take half a megabyte.
	connectionPage = 50
	// maxAttempts bounds the reads of a connection that is saved concurrently.
	maxAttempts = 10
	// lockNotAvailable is the SQLSTATE of a statement that exceeded lock_timeout.
	lockNotAvailable = "55P03"
)

// Rotation reseals the secrets of all tenants. It is safe for concurrent use, also by several processes.
type Rotation struct {
	db     dialect.Driver
	client *ent.Client
	box    *secrets.Box
}

// New returns a rotation to the first key of box. db is a [pgtenant.Driver].
func New(db dialect.Driver, box *secrets.Box) *Rotation {
	return &Rotation{db: db, client: ent.NewClient(ent.Driver(db)), box: box}
}

// Run reseals every secret that an older key sealed. Secrets that cannot be resealed are listed in the report, and the
// walk continues. The error is ctx's or the database's; the report then covers what was done.
func (r *Rotation) Run(ctx context.Context) (Report, error) { return r.walk(ctx, r.store) }

// Check reports what [Rotation.Run] would do, and changes nothing. It opens every secret, so the failures are complete.
func (r *Rotation) Check(ctx context.Context) (Report, error) {
	return r.walk(ctx, func(context.Context, connection, map[string]string) error { return nil })
}

// store replaces a connection's secrets. The error is errStale if they changed since they were read.
type store func(ctx context.Context, c connection, resealed map[string]string) error

// walk is one pass over all tenants.
type walk struct {
	*Rotation

	store  store
	report Report
}

func (r *Rotation) walk(ctx context.Context, store store) (Report, error) {
	w := &walk{Rotation: r, store: store, report: Report{Keys: r.box.KeyIDs(), Found: map[string]int{}}}
	err := w.tenants(ctx)
	return w.report, err
}

func (w *walk) tenants(ctx context.Context) error {
	var after uuid.UUID
	for {
		ids, err := w.client.Tenant.Query().
			Where(tenant.IDGT(after)).Order(tenant.ByID()).Limit(tenantPage).IDs(ctx)
		if err != nil {
			return fmt.Errorf("rotation: list tenants: %w", err)
		}
		for _, row := range ids {
			id, err := tenancy.FromUUID(row)
			if err != nil {
				return err
			}
			if err := w.tenant(tenancy.With(ctx, id), id); err != nil {
				return fmt.Errorf("rotation: tenant %s: %w", id, err)
			}
			w.report.Tenants++
		}
		if len(ids) < tenantPage {
			return nil
		}
		after = ids[len(ids)-1]
	}
}

func (w *walk) tenant(ctx context.Context, id tenancy.ID) error {
	var after uuid.UUID
	for {
		page, err := w.read(ctx, w.client.ChannelConnection.Query().
			Where(channelconnection.IDGT(after)).Order(channelconnection.ByID()).Limit(connectionPage))
		if err != nil {
			return err
		}
		for _, c := range page {
			c.tenant = id
			if err := w.connection(ctx, c); err != nil {
				return err
			}
		}
		if len(page) < connectionPage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

// connection is a row's data. Secrets are decoded per row, so that a malformed one fails alone.
type connection struct {
	tenant tenancy.ID

	ID          uuid.UUID `sql:"id"`
	ChannelType string    `sql:"channel_type"`
	Secrets     []byte    `sql:"secrets"`
}

func (w *walk) read(ctx context.Context, query *ent.ChannelConnectionQuery) ([]connection, error) {
	var rows []connection
	err := query.Select(channelconnection.FieldID, channelconnection.FieldChannelType, channelconnection.FieldSecrets).
		Scan(ctx, &rows)
	return rows, err
}

// connection reseals one row, and reads it again after a concurrent save.
func (w *walk) connection(ctx context.Context, c connection) error {
	for range maxAttempts {
		err := w.attempt(ctx, c)
		if isLocked(err) {
			w.fail(c, errLocked)
			return nil
		}
		if !errors.Is(err, errStale) {
			return err
		}
		rows, err := w.read(ctx, w.client.ChannelConnection.Query().Where(channelconnection.ID(c.ID)))
		if err != nil || len(rows) == 0 { // deleted concurrently
			return err
		}
		c.ChannelType, c.Secrets = rows[0].ChannelType, rows[0].Secrets
	}
	w.fail(c, errStale)
	return nil
}

// attempt reseals a row once. The error is errStale if the row changed since it was read.
func (w *walk) attempt(ctx context.Context, c connection) error {
	var stored map[string]string
	if json.Unmarshal(c.Secrets, &stored) != nil {
		w.fail(c, secrets.ErrNotSealed)
		return nil //nolint:nilerr // it is in the report
	}
	found := w.reseal(c, stored)
	if found.resealed > 0 {
		if err := w.store(ctx, c, stored); err != nil {
			return err
		}
	}
	w.add(c, found)
	return nil
}

// found describes a connection's secrets.
type found struct {
	keys              map[string]int
	resealed, current int
	failed            map[string]error
}

// reseal replaces the texts in stored that an older key sealed.
func (w *walk) reseal(c connection, stored map[string]string) found {
	f := found{keys: map[string]int{}, failed: map[string]error{}}
	ref := secrets.Ref{Tenant: c.tenant, Connection: c.ID, Channel: c.ChannelType}
	for name, sealed := range stored {
		if id, err := secrets.KeyID(sealed); err == nil {
			f.keys[id]++
		}
		after, err := w.box.Reseal(ref, name, sealed)
		switch {
		case err != nil:
			f.failed[name] = err
		case after == sealed:
			f.current++
		default:
			f.resealed++
			stored[name] = after
		}
	}
	return f
}

// updated_at stays: the client's view of the row has not changed.
const replaceSecrets = `update channel_connections set secrets = $1::jsonb where id = $2 and secrets = $3::jsonb`

func (r *Rotation) store(ctx context.Context, c connection, resealed map[string]string) error {
	after, err := json.Marshal(resealed)
	if err != nil {
		return err
	}
	replaced, err := pgtenant.Exec(ctx, r.db, replaceSecrets, string(after), c.ID, string(c.Secrets))
	if err == nil && replaced == 0 {
		err = errStale
	}
	return err
}

func isLocked(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == lockNotAvailable
}
