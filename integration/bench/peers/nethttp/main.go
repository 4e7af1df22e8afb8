// Nethttp lists a tenant's agents with the standard library's HTTP server and pgx, SQL by hand: what the bench compares
// the product's server with. One query looks up the session, its user and the tenant, as the product does. Another
// reads the list; with -rls it is in a transaction: BEGIN, set_config, SELECT, COMMIT.
//
//	DATABASE_URL=postgres://… PORT=8081 POOL=8 nethttp [-rls]
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	authenticate = `
		SELECT u.is_admin AND EXISTS (SELECT FROM tenants t WHERE t.id = $3)
		FROM portal_sessions s JOIN portal_users u ON u.id = s.user_id
		WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND u.disabled_at IS NULL`
	setTenant = `SELECT set_config('app.current_tenant', $1, true)`
	list      = `
		SELECT id, tenant_id, name, role, model_preference, is_active, created_at, updated_at
		FROM agents WHERE tenant_id = $1 ORDER BY id LIMIT $2`
)

type agent struct {
	ID              uuid.UUID `json:"id"`
	TenantID        uuid.UUID `json:"tenant_id"`
	Name            string    `json:"name"`
	Role            string    `json:"role"`
	ModelPreference string    `json:"model_preference"`
	IsActive        bool      `json:"is_active"`
	CreatedAt       time.Time `json:"created_at"`
	UpdatedAt       time.Time `json:"updated_at"`
	ETag            string    `json:"etag"`
}

type page struct {
	Items      []agent `json:"items"`
	NextCursor string  `json:"next_cursor,omitempty"`
}

func main() {
	rls := flag.Bool("rls", false, "list in a transaction that sets the tenant")
	flag.Parse()
	fmt.Fprintln(os.Stderr, "nethttp:", serve(context.Background(), *rls))
	os.Exit(1) //nolint:forbidigo // this is main
}

func serve(ctx context.Context, rls bool) error {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		return errors.New("DATABASE_URL can't be read")
	}
	conns, err := strconv.ParseInt(os.Getenv("POOL"), 10, 32)
	if err != nil {
		return err
	}
	config.MaxConns = int32(conns)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	mux := http.NewServeMux()
	mux.Handle("GET /v1/tenants/{tenant}/agents", handler{pool, rls})
	s := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: mux, ReadHeaderTimeout: time.Minute}
	return s.ListenAndServe()
}

type handler struct {
	pool *pgxpool.Pool
	rls  bool
}

// ServeHTTP implements [http.Handler].
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tenant, err := uuid.Parse(r.PathValue("tenant"))
	limit, limitErr := strconv.Atoi(r.URL.Query().Get("limit"))
	if err := errors.Join(err, limitErr); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	hash := sha256.Sum256([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	var may bool
	row := h.pool.QueryRow(r.Context(), authenticate, hex.EncodeToString(hash[:]), time.Now().UTC(), [16]byte(tenant))
	if err := row.Scan(&may); err != nil || !may {
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	agents, err := h.list(r.Context(), tenant, limit+1) // one more tells whether another page follows
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	answer := page{Items: agents}
	if len(agents) > limit {
		answer = page{Items: agents[:limit], NextCursor: agents[limit-1].ID.String()}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) //nolint:errchkjson // it fails when the client is gone
}

func (h handler) list(ctx context.Context, tenant uuid.UUID, limit int) (agents []agent, err error) {
	if !h.rls {
		rows, _ := h.pool.Query(ctx, list, [16]byte(tenant), limit) // CollectRows returns the error
		return pgx.CollectRows(rows, scan)
	}
	err = pgx.BeginFunc(ctx, h.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, setTenant, tenant.String()); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, list, [16]byte(tenant), limit)
		agents, err = pgx.CollectRows(rows, scan)
		return err
	})
	return agents, err
}

func scan(row pgx.CollectableRow) (a agent, err error) {
	err = row.Scan((*[16]byte)(&a.ID), (*[16]byte)(&a.TenantID), &a.Name, &a.Role, &a.ModelPreference, &a.IsActive,
		&a.CreatedAt, &a.UpdatedAt)
	a.CreatedAt, a.UpdatedAt = a.CreatedAt.UTC(), a.UpdatedAt.UTC()
	a.ETag = `"` + strconv.FormatInt(a.UpdatedAt.UnixMicro(), 36) + `"`
	return a, err
}
