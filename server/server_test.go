package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

func TestMain(m *testing.M) { testdb.Main(m) }

const (
	adminEmail  = "admin@example.com"
	userEmail   = "user@example.com"
	password    = "correct horse battery"
	slackSecret = "slack-signing-secret-of-the-tests"
)

// testBundle is a server on an empty database with two users: a platform admin and one without that role.
type testBundle struct {
	*server.Server

	client    *ent.Client
	driver    *pgtenant.Driver
	db        *testdb.Database
	users     *account.Users
	box       *secrets.Box
	hasher    *countingHasher
	trips     *pgtenant.RoundTrips
	logs      *lockedBuffer
	isolation isolationCheck
	options   server.Options
	monitor   *doctor.Monitor

	mu        sync.Mutex
	now       time.Time
	delivered []message.ResolvedMessage
	failing   error // returned by deliver

	admin string // session tokens
	user  string
}

func setup(t *testing.T, changes ...func(*server.Options)) *testBundle {
	t.Helper()
	b := &testBundle{db: testdb.New(t), hasher: &countingHasher{}, trips: &pgtenant.RoundTrips{}, logs: &lockedBuffer{}, now: time.Now()}
	var err error
	b.driver, err = pgtenant.Open(t.Context(), b.db.AppURL, pgtenant.WithMaxConns(4), pgtenant.WithRoundTrips(b.trips))
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.driver.Close() })
	b.client = ent.NewClient(ent.Driver(b.driver))
	b.box, err = secrets.NewBox([][]byte{bytes.Repeat([]byte{7}, secrets.KeySize)})
	require.NoError(t, err)

	b.monitor = doctor.NewMonitor(b.isolation.check, time.Minute, slog.New(slog.DiscardHandler))

	b.options = server.Options{
		Client: b.client, Driver: b.driver, Box: b.box, Key: bytes.Repeat([]byte{9}, 32), SlackSecret: slackSecret,
		Isolation: b.monitor, Logger: slog.New(slog.NewJSONHandler(b.logs, nil)),
		Deliver: b.deliver, Hasher: b.hasher, Clock: b.clock, Docs: true,
	}
	for _, change := range changes {
		change(&b.options)
	}
	b.Server, err = server.New(t.Context(), b.options)
	require.NoError(t, err)
	_, err = b.options.Isolation.Check(t.Context())
	require.NoError(t, err)

	b.users = account.NewUsers(b.client, b.hasher, b.clock)
	b.admin = b.createUser(t, account.NewUser{Email: adminEmail, Name: "Ada", Password: password, IsAdmin: true})
	b.user = b.createUser(t, account.NewUser{Email: userEmail, Name: "Uma", Password: password})
	return b
}

// createUser creates a user and returns a session token.
func (b *testBundle) createUser(t *testing.T, n account.NewUser) string {
	t.Helper()
	_, err := b.users.Create(t.Context(), n)
	require.NoError(t, err)
	return b.login(t, n.Email)
}

func (b *testBundle) login(t *testing.T, email string) string {
	t.Helper()
	got := b.post(t, "", "/v1/auth/login", map[string]any{"email": email, "password": password})
	require.Equal(t, http.StatusOK, got.status, got.body)
	return got.at(t, "session", "token").(string)
}

func (b *testBundle) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *testBundle) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// isolationCheck replaces the doctor.
type isolationCheck struct {
	finding atomic.Pointer[doctor.Finding]
	failure atomic.Pointer[error]
	checks  atomic.Int64
}

func (i *isolationCheck) check(context.Context) (doctor.Report, error) {
	i.checks.Add(1)
	if err := i.failure.Load(); err != nil {
		return doctor.Report{}, *err
	}
	if f := i.finding.Load(); f != nil {
		return doctor.Report{Findings: []doctor.Finding{*f}}, nil
	}
	return doctor.Report{}, nil
}

func errorFinding() *doctor.Finding {
	return &doctor.Finding{Level: doctor.LevelError, Code: "policy_missing", Object: "agents", Risk: "rows may cross"}
}

func (b *testBundle) deliver(_ context.Context, m message.ResolvedMessage) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failing != nil {
		return b.failing
	}
	b.delivered = append(b.delivered, m)
	return nil
}

// exec runs SQL as the superuser.
func (b *testBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	_, err = conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func (b *testBundle) queryInt(t *testing.T, sql string, args ...any) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// logLines returns the log lines that match.
func (b *testBundle) logLines(t *testing.T, match func(map[string]any) bool) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(b.logs.String()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		if match(record) {
			found = append(found, record)
		}
	}
	return found
}

// countLogLines returns the number of log lines with the message.
func (b *testBundle) countLogLines(t *testing.T, msg string) int {
	t.Helper()
	return len(b.logLines(t, func(record map[string]any) bool { return record["msg"] == msg }))
}

type response struct {
	status int
	header http.Header
	body   string
}

// stableBody returns the body without the request id.
func (r response) stableBody() string { return requestIDs.ReplaceAllString(r.body, "") }

var requestIDs = regexp.MustCompile(`,"request_id":"[^"]+"`)

func (r response) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &v), r.body)
	return v
}

// at returns a nested property of the body.
func (r response) at(t *testing.T, names ...string) any {
	t.Helper()
	var v any = r.json(t)
	for _, name := range names {
		v = v.(map[string]any)[name]
	}
	return v
}

// code returns the code of a problem.
func (r response) code(t *testing.T) string {
	t.Helper()
	require.Equal(t, "application/problem+json", r.header.Get("Content-Type"), r.body)
	problem := r.json(t)
	require.InDelta(t, float64(r.status), problem["status"], 0)
	require.Equal(t, "about:blank", problem["type"])
	return problem["code"].(string)
}

// fields returns the fields of a problem.
func (r response) fields(t *testing.T) []string {
	t.Helper()
	fields := []string{}
	errors, _ := r.at(t, "errors").([]any)
	for _, e := range errors {
		fields = append(fields, e.(map[string]any)["field"].(string))
	}
	return fields
}

func (b *testBundle) do(t *testing.T, method, token, path string, body any, header ...string) response {
	t.Helper()
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(body)
	default:
		encoded, err := json.Marshal(body)
		require.NoError(t, err)
		reader = bytes.NewReader(encoded)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, reader)
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	b.Handler().ServeHTTP(recorder, r)
	return response{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
}

func (b *testBundle) get(t *testing.T, token, path string, header ...string) response {
	t.Helper()
	return b.do(t, http.MethodGet, token, path, nil, header...)
}

func (b *testBundle) post(t *testing.T, token, path string, body any) response {
	t.Helper()
	return b.do(t, http.MethodPost, token, path, body)
}

// create posts a resource and returns its path and entity tag.
func (b *testBundle) create(t *testing.T, path string, body any) (location, etag string) {
	t.Helper()
	made := b.post(t, b.admin, path, body)
	require.Equal(t, http.StatusCreated, made.status, made.body)
	require.Equal(t, path+"/"+made.at(t, "id").(string), made.header.Get("Location"))
	return made.header.Get("Location"), made.header.Get("ETag")
}

func (b *testBundle) createTenant(t *testing.T, slug string) string {
	t.Helper()
	location, _ := b.create(t, "/v1/tenants", map[string]any{"name": slug, "slug": slug})
	return location
}

// countingHasher is a cheap argon2id. It counts comparisons, and blocks them until hold is closed.
type countingHasher struct {
	compared atomic.Int64
	hold     atomic.Pointer[chan struct{}]
}

func (h *countingHasher) cheap() account.Argon2 {
	return account.Argon2{Params: account.Params{MemoryKiB: 64, Iterations: 1, Parallelism: 1}}
}

func (h *countingHasher) Hash(ctx context.Context, password string) (string, error) {
	return h.cheap().Hash(ctx, password)
}

func (h *countingHasher) Compare(ctx context.Context, password, hash string) (bool, error) {
	h.compared.Add(1)
	if hold := h.hold.Load(); hold != nil {
		<-*hold
	}
	return h.cheap().Compare(ctx, password, hash)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func idOf(t *testing.T, path string) tenancy.ID {
	t.Helper()
	id, err := tenancy.Parse(path[strings.LastIndex(path, "/")+1:])
	require.NoError(t, err)
	return id
}

// beginTx begins a transaction of the superuser, which is rolled back at the end of the test.
func (b *testBundle) beginTx(t *testing.T, sql string, args ...any) pgx.Tx {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
	return tx
}

// waitForLocks waits until n statements like pattern wait for a lock.
func (b *testBundle) waitForLocks(t *testing.T, n int, pattern string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return b.queryInt(t, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`, pattern) == n
	}, 10*time.Second, 5*time.Millisecond)
}

// setRoleParameter sets a parameter of konstruct_app and resets the pool.
func (b *testBundle) setRoleParameter(t *testing.T, name, value string) {
	t.Helper()
	b.exec(t, `ALTER ROLE konstruct_app IN DATABASE `+rls.Quote(b.db.Name)+` SET `+name+` = `+value)
	b.driver.Pool().Reset()
}
