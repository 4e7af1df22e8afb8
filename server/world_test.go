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

// world is a server on a database of its own, with a platform admin and a plain user.
type world struct {
	*server.Server

	client    *ent.Client
	drv       *pgtenant.Driver
	db        *testdb.Database
	users     *account.Users
	box       *secrets.Box
	hasher    *countingHasher
	trips     *pgtenant.RoundTrips
	logs      *lockedBuffer
	isolation isolation
	monitor   *doctor.Monitor

	mu        sync.Mutex
	now       time.Time
	delivered []message.ResolvedMessage
	failing   error // what delivering answers

	admin string // tokens
	user  string
}

func newWorld(t *testing.T, changes ...func(*server.Options)) *world {
	t.Helper()
	w := &world{db: testdb.New(t), hasher: &countingHasher{}, trips: &pgtenant.RoundTrips{}, logs: &lockedBuffer{}, now: time.Now()}
	var err error
	w.drv, err = pgtenant.Open(t.Context(), w.db.AppURL, pgtenant.WithMaxConns(4), pgtenant.WithRoundTrips(w.trips))
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.drv.Close() })
	w.client = ent.NewClient(ent.Driver(w.drv))
	w.box, err = secrets.NewBox([][]byte{bytes.Repeat([]byte{7}, secrets.KeySize)})
	require.NoError(t, err)

	w.monitor = doctor.NewMonitor(w.isolation.check, time.Minute, slog.New(slog.DiscardHandler))

	options := server.Options{
		Client: w.client, Driver: w.drv, Box: w.box, Key: bytes.Repeat([]byte{9}, 32), SlackSecret: slackSecret,
		Isolation: w.monitor, Logger: slog.New(slog.NewJSONHandler(w.logs, nil)),
		Deliver: w.deliver, Hasher: w.hasher, Clock: w.clock, Docs: true,
	}
	for _, change := range changes {
		change(&options)
	}
	w.Server, err = server.New(t.Context(), options)
	require.NoError(t, err)
	_, err = options.Isolation.Check(t.Context())
	require.NoError(t, err)

	w.users = account.NewUsers(w.client, w.hasher, w.clock)
	w.admin = w.person(t, account.NewUser{Email: adminEmail, Name: "Ada", Password: password, IsAdmin: true})
	w.user = w.person(t, account.NewUser{Email: userEmail, Name: "Uma", Password: password})
	return w
}

// person makes a user and logs in.
func (w *world) person(t *testing.T, n account.NewUser) string {
	t.Helper()
	_, err := w.users.Create(t.Context(), n)
	require.NoError(t, err)
	return w.login(t, n.Email)
}

func (w *world) login(t *testing.T, email string) string {
	t.Helper()
	answer := w.post(t, "", "/v1/auth/login", map[string]any{"email": email, "password": password})
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	return answer.at(t, "session", "token").(string)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// isolation is the isolation check of the tests.
type isolation struct {
	finding   atomic.Pointer[doctor.Finding] // what it finds
	unchecked atomic.Pointer[error]          // why it can't be completed
	checks    atomic.Int64
}

func (i *isolation) check(context.Context) (doctor.Report, error) {
	i.checks.Add(1)
	if err := i.unchecked.Load(); err != nil {
		return doctor.Report{}, *err
	}
	if f := i.finding.Load(); f != nil {
		return doctor.Report{Findings: []doctor.Finding{*f}}, nil
	}
	return doctor.Report{}, nil
}

// leak is what a check finds when rows may cross.
func leak() *doctor.Finding {
	return &doctor.Finding{Level: doctor.LevelError, Code: "policy_missing", Object: "agents", Risk: "rows may cross"}
}

func (w *world) deliver(_ context.Context, m message.ResolvedMessage) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failing != nil {
		return w.failing
	}
	w.delivered = append(w.delivered, m)
	return nil
}

// super runs SQL as the superuser: to arrange and to inspect.
func (w *world) super(t *testing.T, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	_, err = conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func (w *world) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// lines are the records of the log that match.
func (w *world) lines(t *testing.T, match func(map[string]any) bool) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(w.logs.String()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		if match(record) {
			found = append(found, record)
		}
	}
	return found
}

// logged counts the records with the message.
func (w *world) logged(t *testing.T, msg string) int {
	t.Helper()
	return len(w.lines(t, func(record map[string]any) bool { return record["msg"] == msg }))
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// alike is the body without what differs in each answer.
func (a answer) alike() string { return requestIDs.ReplaceAllString(a.body, "") }

var requestIDs = regexp.MustCompile(`,"request_id":"[^"]+"`)

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &v), a.body)
	return v
}

// at walks into the body.
func (a answer) at(t *testing.T, names ...string) any {
	t.Helper()
	var v any = a.json(t)
	for _, name := range names {
		v = v.(map[string]any)[name]
	}
	return v
}

// code is the problem's.
func (a answer) code(t *testing.T) string {
	t.Helper()
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), a.body)
	problem := a.json(t)
	require.InDelta(t, float64(a.status), problem["status"], 0)
	require.Equal(t, "about:blank", problem["type"])
	return problem["code"].(string)
}

// fields are those that the problem names.
func (a answer) fields(t *testing.T) []string {
	t.Helper()
	fields := []string{}
	errors, _ := a.at(t, "errors").([]any)
	for _, e := range errors {
		fields = append(fields, e.(map[string]any)["field"].(string))
	}
	return fields
}

func (w *world) do(t *testing.T, method, token, path string, body any, header ...string) answer {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
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
	w.Handler().ServeHTTP(recorder, r)
	return answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
}

func (w *world) get(t *testing.T, token, path string, header ...string) answer {
	t.Helper()
	return w.do(t, http.MethodGet, token, path, nil, header...)
}

func (w *world) post(t *testing.T, token, path string, body any) answer {
	t.Helper()
	return w.do(t, http.MethodPost, token, path, body)
}

// create posts and expects a 201; it returns the new thing's path and entity tag.
func (w *world) create(t *testing.T, path string, body any) (location, etag string) {
	t.Helper()
	made := w.post(t, w.admin, path, body)
	require.Equal(t, http.StatusCreated, made.status, made.body)
	require.Equal(t, path+"/"+made.at(t, "id").(string), made.header.Get("Location"))
	return made.header.Get("Location"), made.header.Get("ETag")
}

func (w *world) tenant(t *testing.T, slug string) string {
	t.Helper()
	location, _ := w.create(t, "/v1/tenants", map[string]any{"name": slug, "slug": slug})
	return location
}

// countingHasher is argon2id at its cheapest. It counts comparisons, and can be held.
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

// begin opens a transaction as the superuser, which is rolled back at the end of the test at the latest.
func (w *world) begin(t *testing.T, sql string, args ...any) pgx.Tx {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
	return tx
}

// waiting returns once n statements like pattern wait for a lock.
func (w *world) waiting(t *testing.T, n int, pattern string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return w.count(t, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`, pattern) == n
	}, 10*time.Second, 5*time.Millisecond)
}

// setting changes a default of konstruct_app's new sessions, and replaces those that are open.
func (w *world) setting(t *testing.T, name, value string) {
	t.Helper()
	w.super(t, `ALTER ROLE konstruct_app IN DATABASE `+rls.Quote(w.db.Name)+` SET `+name+` = `+value)
	w.drv.Pool().Reset()
}
