package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/channel/slack"
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

	anyone, user, admin client

	ent       *ent.Client
	driver    *pgtenant.Driver
	db        *testdb.Database
	super     *pgxpool.Pool // of the superuser
	users     *account.Users
	box       *secrets.Box
	hasher    *countingHasher
	trips     *pgtenant.RoundTrips
	logs      *lockedBuffer
	isolation isolationCheck
	options   server.Options

	mu        sync.Mutex
	now       time.Time
	delivered []message.ResolvedMessage
	failing   error // returned by deliver
}

func setup(t *testing.T, changes ...func(*server.Options)) *testBundle {
	t.Helper()
	b := &testBundle{db: testdb.New(t), hasher: &countingHasher{Argon2: cheap}, trips: &pgtenant.RoundTrips{}, logs: &lockedBuffer{}, now: time.Now()}
	var err error
	b.super, err = pgxpool.New(t.Context(), b.db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(b.super.Close)
	b.driver, err = pgtenant.Open(t.Context(), b.db.AppURL, pgtenant.WithMaxConns(4), pgtenant.WithRoundTrips(b.trips))
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.driver.Close() })
	b.ent = ent.NewClient(ent.Driver(b.driver))
	b.box, err = secrets.NewBox([][]byte{bytes.Repeat([]byte{7}, secrets.KeySize)})
	require.NoError(t, err)
	b.options = server.Options{
		Driver: b.driver, Box: b.box, Key: bytes.Repeat([]byte{9}, 32), SlackSecret: slackSecret,
		Isolation: b.isolation.monitor(time.Minute), Logger: slog.New(slog.NewJSONHandler(b.logs, nil)),
		Deliver: b.deliver, Hasher: b.hasher, Clock: b.clock, Docs: true,
	}
	b.restart(t, changes...)
	b.checkIsolation(t, nil)

	b.users = account.NewUsers(b.ent, b.hasher, b.clock)
	b.anyone = client{bundle: b}
	b.admin = b.createUser(t, account.NewUser{Email: adminEmail, Name: "Ada", IsAdmin: true})
	b.user = b.createUser(t, account.NewUser{Email: userEmail, Name: "Uma"})
	return b
}

func (b *testBundle) restart(t *testing.T, changes ...func(*server.Options)) {
	t.Helper()
	for _, change := range changes {
		change(&b.options)
	}
	var err error
	b.Server, err = server.New(t.Context(), b.options)
	require.NoError(t, err)
}

// serve serves on loopback until stop is called or the test ends.
func (b *testBundle) serve(t *testing.T) (address string, stop func(), stopped <-chan error) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx, listener) }()
	return listener.Addr().String(), stop, done
}

func (b *testBundle) createUser(t *testing.T, n account.NewUser) client {
	t.Helper()
	n.Password = password
	_, err := b.users.Create(t.Context(), n)
	require.NoError(t, err)
	return b.login(t, n.Email)
}

func (b *testBundle) login(t *testing.T, email string) client {
	t.Helper()
	return client{b, b.tryLogin(t, email, password).is(200).at("session", "token").(string)}
}

func (b *testBundle) tryLogin(t *testing.T, email, password string, header ...string) response {
	t.Helper()
	return b.anyone.post(t, "/v1/auth/login", object{"email": email, "password": password}, header...)
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

func (i *isolationCheck) check(context.Context) (report doctor.Report, err error) {
	i.checks.Add(1)
	if failure := i.failure.Load(); failure != nil {
		return report, *failure
	}
	if f := i.finding.Load(); f != nil {
		report.Findings = append(report.Findings, *f)
	}
	return report, nil
}

func (i *isolationCheck) monitor(every time.Duration) *doctor.Monitor {
	return doctor.NewMonitor(i.check, every, slog.New(slog.DiscardHandler))
}

func (b *testBundle) checkIsolation(t *testing.T, finding *doctor.Finding) {
	t.Helper()
	b.isolation.finding.Store(finding)
	_, err := b.options.Isolation.Check(t.Context())
	require.NoError(t, err)
}

func errorFinding() *doctor.Finding {
	return &doctor.Finding{Level: doctor.LevelError, Code: "policy_missing", Object: "agents", Risk: "rows may cross"}
}

func (b *testBundle) deliver(_ context.Context, m message.ResolvedMessage) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failing == nil {
		b.delivered = append(b.delivered, m)
	}
	return b.failing
}

// exec runs SQL as the superuser.
func (b *testBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.super.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func (b *testBundle) queryInt(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, b.super.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// beginTx begins a transaction of the superuser, which is rolled back at the end of the test.
func (b *testBundle) beginTx(t *testing.T, sql string, args ...any) pgx.Tx {
	t.Helper()
	tx, err := b.super.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
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

func (b *testBundle) logLines(t *testing.T, key, value string) (found []object) {
	t.Helper()
	for line := range strings.Lines(b.logs.String()) {
		var record object
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		if record[key] == value {
			found = append(found, record)
		}
	}
	return found
}

// create posts a resource as the admin, and returns its path and entity tag.
func (b *testBundle) create(t *testing.T, list string, body any) (path, etag string) {
	t.Helper()
	made := b.admin.post(t, list, body).is(201)
	path = made.header.Get("Location")
	id, found := strings.CutPrefix(path, list+"/")
	require.True(t, found, path)
	require.Contains(t, made.body, `"id":"`+id+`"`)
	return path, made.etag()
}

func (b *testBundle) createTenant(t *testing.T, slug string) string {
	t.Helper()
	path, _ := b.create(t, "/v1/tenants", object{"name": slug, "slug": slug})
	return path
}

func (b *testBundle) createAgent(t *testing.T, tenant string) (path, etag string) {
	t.Helper()
	return b.create(t, tenant+"/agents", `{"name": "Mara"}`)
}

func (b *testBundle) connect(t *testing.T, tenant, workspace string) (path, etag string) {
	t.Helper()
	return b.create(t, tenant+"/channel-connections", object{"channel_type": "slack", "workspace_id": workspace})
}

// kinds are the kinds of resources, with the body of a request to create one and of one to update it.
var kinds = []struct{ name, list, create, update string }{
	{"tenant", "", `{"name": "a", "slug": "a", "settings": {"x": "detail"}}`, `{"status": "suspended"}`},
	{"agent", "/agents", `{"name": "Mara", "system_prompt": "detail", "persona": "detail"}`, `{"persona": "calm"}`},
	{
		"channel_connection", "/channel-connections",
		`{"channel_type": "slack", "workspace_id": "T1", "config": {"x": "detail"}}`, `{"secrets": {"bot_token": "xoxb-1"}}`,
	},
}

type resource struct{ kind, list, path, etag, update string }

func (b *testBundle) createAll(t *testing.T) (all []resource) {
	t.Helper()
	for _, kind := range kinds {
		list := "/v1/tenants"
		if kind.list != "" {
			list = all[0].path + kind.list
		}
		path, etag := b.create(t, list, kind.create)
		all = append(all, resource{kind.name, list, path, etag, kind.update})
	}
	return all
}

// addMember gives a user, by path or address, a role in the tenant.
func (b *testBundle) addMember(t *testing.T, tenant, user, role string) {
	t.Helper()
	if strings.HasPrefix(user, "/") {
		user = idText(user)
	}
	b.exec(t, `INSERT INTO memberships (id, tenant_id, user_id, role)
		SELECT $4, $1, id, $3 FROM portal_users WHERE email = $2 OR id::text = $2`, idText(tenant), user, role, uuid.Must(uuid.NewV7()))
}

func (b *testBundle) slack(t *testing.T, body string) response {
	t.Helper()
	return b.anyone.post(t, slackPath, body, signed(t, slackSecret, b.clock(), body)...)
}

const slackPath = "/v1/channels/slack/events"

func signed(t *testing.T, secret string, at time.Time, body string) []string {
	t.Helper()
	verifier, err := slack.NewVerifier(secret, time.Now)
	require.NoError(t, err)
	return []string{slack.TimestampHeader, strconv.FormatInt(at.Unix(), 10), slack.SignatureHeader, verifier.Sign(at, []byte(body))}
}

var cheap = account.Argon2{Params: account.Params{MemoryKiB: 64, Iterations: 1, Parallelism: 1}}

// countingHasher counts new hashes and comparisons, and blocks both between hold and release.
type countingHasher struct {
	account.Argon2

	hashed, compared, blocked atomic.Int64
	held, heldHash            atomic.Pointer[chan struct{}]
}

func (h *countingHasher) Hash(ctx context.Context, password string) (string, error) {
	h.hashed.Add(1)
	if held := h.heldHash.Load(); held != nil {
		h.blocked.Add(1)
		<-*held
	}
	return h.Argon2.Hash(ctx, password)
}

// holdHash blocks hashes until release.
func (h *countingHasher) holdHash() (release func()) {
	held := make(chan struct{})
	h.blocked.Store(0)
	h.heldHash.Store(&held)
	return func() {
		h.heldHash.Store(nil)
		close(held)
	}
}

func (h *countingHasher) Compare(ctx context.Context, password, hash string) (bool, error) {
	h.compared.Add(1)
	if held := h.held.Load(); held != nil {
		h.blocked.Add(1)
		<-*held
	}
	return h.Argon2.Compare(ctx, password, hash)
}

func (h *countingHasher) hold() (release func()) {
	held := make(chan struct{})
	h.held.Store(&held)
	return func() {
		h.held.Store(nil)
		close(held)
	}
}

// waitForHash waits until a hash or a comparison is held.
func (h *countingHasher) waitForHash(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return h.blocked.Load() == 1 }, 10*time.Second, time.Millisecond)
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

func idText(path string) string { return path[strings.LastIndex(path, "/")+1:] }

func idOf(t *testing.T, path string) tenancy.ID {
	t.Helper()
	id, err := tenancy.Parse(idText(path))
	require.NoError(t, err)
	return id
}
