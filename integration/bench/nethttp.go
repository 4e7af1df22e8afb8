package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// The role is that of the session's user in the tenant. Without RLS it is read from the table.
const (
	authenticate = `
		SELECT t.status = 'active' AND %s IS NOT NULL
		FROM portal_sessions s JOIN portal_users u ON u.id = s.user_id JOIN tenants t ON t.id = $3
		WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND u.disabled_at IS NULL`
	roleIsolated = `session_role($1, t.id)`
	rolePlain    = `(SELECT m.role FROM memberships m WHERE m.tenant_id = t.id AND m.user_id = u.id)`
	listAgents   = `
		SELECT id, tenant_id, name, role, model_preference, is_active, created_at, updated_at
		FROM agents WHERE tenant_id = $1 ORDER BY id LIMIT $2`
)

// page is the API's response.
type page struct {
	Items      []item `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"`
}

type item struct {
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

// nethttp lists a tenant's agents with net/http and pgx, the baseline for the product's server. Like the product it
// looks up the session, its user, the tenant and the role in one query. If isolated, the list is read in a transaction:
// BEGIN, set_config, SELECT, COMMIT.
type nethttp struct {
	pool         *pgxpool.Pool
	isolated     bool
	authenticate string
}

// serveNetHTTP serves from the test binary.
func serveNetHTTP(ctx context.Context, isolated bool) error {
	pool, err := openPool(ctx, os.Getenv("DATABASE_URL"), httpPool)
	if err != nil {
		return err
	}
	defer pool.Close()
	role := rolePlain
	if isolated {
		role = roleIsolated
	}
	mux := http.NewServeMux()
	mux.Handle("GET /v1/tenants/{tenant}/agents", nethttp{pool, isolated, fmt.Sprintf(authenticate, role)})
	s := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: mux, ReadHeaderTimeout: time.Minute}
	return s.ListenAndServe()
}

// ServeHTTP implements [http.Handler].
func (h nethttp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tenant, _ := uuid.Parse(r.PathValue("tenant")) // authentication rejects the zero ID
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	hash := sha256.Sum256([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	var may bool
	row := h.pool.QueryRow(r.Context(), h.authenticate, hex.EncodeToString(hash[:]), time.Now().UTC(), [16]byte(tenant))
	if err := row.Scan(&may); err != nil || !may {
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	items, err := h.list(r.Context(), tenant, limit+1) // one more, to detect another page
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	response := page{Items: items[:min(limit, len(items))]}
	if len(items) > limit {
		response.NextCursor = items[limit-1].ID.String()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(response) //nolint:errchkjson // fails only if the client has disconnected
}

func (h nethttp) list(ctx context.Context, tenant uuid.UUID, limit int) (items []item, err error) {
	if !h.isolated {
		rows, _ := h.pool.Query(ctx, listAgents, [16]byte(tenant), limit) // CollectRows returns the error
		return pgx.CollectRows(rows, scanItem)
	}
	err = pgx.BeginFunc(ctx, h.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, rls.SetTenant, tenant.String()); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, listAgents, [16]byte(tenant), limit)
		items, err = pgx.CollectRows(rows, scanItem)
		return err
	})
	return items, err
}

func scanItem(row pgx.CollectableRow) (i item, err error) {
	err = row.Scan((*[16]byte)(&i.ID), (*[16]byte)(&i.TenantID), &i.Name, &i.Role, &i.ModelPreference, &i.IsActive,
		&i.CreatedAt, &i.UpdatedAt)
	i.CreatedAt, i.UpdatedAt = i.CreatedAt.UTC(), i.UpdatedAt.UTC()
	i.ETag = `"` + strconv.FormatInt(i.UpdatedAt.UnixMicro(), 36) + `"`
	return i, err
}
