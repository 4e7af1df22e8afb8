package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// rawSession is what the server asks about a session, too.
const rawSession = `
	SELECT u.is_admin, EXISTS (SELECT FROM tenants t WHERE t.id = $3)
	FROM portal_sessions s JOIN portal_users u ON u.id = s.user_id
	WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND u.disabled_at IS NULL`

// rawSummary is an agent as the API's list shows it.
type rawSummary struct {
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

const rawSummaries = `
	SELECT id, tenant_id, name, role, model_preference, is_active, created_at, updated_at
	FROM agents WHERE tenant_id = $1 ORDER BY id LIMIT $2`

// rawPage is a page as the API shows it. The cursor of the floor is the last id in the clear.
type rawPage struct {
	Items      []rawSummary `json:"items"`
	NextCursor string       `json:"next_cursor,omitempty"`
}

// handler serves the list with nothing but the standard library's router: the floor for HTTP.
func (r *raw) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/tenants/{tenant}/agents", func(w http.ResponseWriter, q *http.Request) {
		status, page := r.page(q)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(page)
	})
	return mux
}

func (r *raw) page(q *http.Request) (status int, page rawPage) {
	tenant, err := uuid.Parse(q.PathValue("tenant"))
	if err != nil {
		return http.StatusNotFound, page
	}
	hash := sha256.Sum256([]byte(strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer ")))
	var admin, exists bool
	err = r.pool.QueryRow(q.Context(), rawSession, hex.EncodeToString(hash[:]), nowUTC(), uuidArg(tenant)).Scan(&admin, &exists)
	if err != nil || !admin || !exists {
		return http.StatusUnauthorized, page
	}
	rows, err := r.pool.Query(q.Context(), rawSummaries, uuidArg(tenant), pageSize+1)
	if err != nil {
		return http.StatusInternalServerError, page
	}
	page.Items, err = pgx.CollectRows(rows, scanSummary)
	if err != nil {
		return http.StatusInternalServerError, page
	}
	if len(page.Items) > pageSize {
		page.Items = page.Items[:pageSize]
		page.NextCursor = page.Items[pageSize-1].ID.String()
	}
	return http.StatusOK, page
}

func scanSummary(row pgx.CollectableRow) (s rawSummary, err error) {
	var id, tenant pgtype.UUID
	err = row.Scan(&id, &tenant, &s.Name, &s.Role, &s.ModelPreference, &s.IsActive, &s.CreatedAt, &s.UpdatedAt)
	s.ID, s.TenantID, s.ETag = id.Bytes, tenant.Bytes, strconv.FormatInt(s.UpdatedAt.UnixMicro(), 36)
	return s, err
}

func nowUTC() time.Time { return time.Now().UTC() }
