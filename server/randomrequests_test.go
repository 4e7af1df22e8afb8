package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// requestsPerSeed reaches each operation a few times.
const requestsPerSeed = 1000

// TestRandomRequests sends requests that are made at random from the OpenAPI document, by every kind of principal. The
// server must not fail, each status must be in the document, and members of a tenant must read nothing of another one.
// With KONSTRUCT_FUZZ_TIME it goes on for that time.
func TestRandomRequests(t *testing.T) { //nolint:tparallel // one seed after the other, for a given time
	t.Parallel()
	if duration, err := time.ParseDuration(os.Getenv("KONSTRUCT_FUZZ_TIME")); err == nil {
		for until := time.Now().Add(duration); time.Now().Before(until); {
			sendRandom(t, rand.Uint64())
		}
	}
	for _, seed := range []uint64{1, 2} {
		sendRandom(t, seed)
	}
}

func sendRandom(t *testing.T, seed uint64) {
	t.Helper()
	t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
		z := newRandomRequests(t, seed)
		for n := range requestsPerSeed {
			if n == requestsPerSeed/2 {
				z.restart(t, mailing) // links are no longer returned
			}
			z.send(t, n)
		}
		require.Greater(t, len(z.succeeded), len(z.all)*2/3, "operations of %d that succeeded", len(z.all))
	})
}

type operationOf struct {
	method, path string
	op           *openapi3.Operation
}

// randomRequests makes requests. Ids of created rows are used in later requests.
type randomRequests struct {
	*testBundle
	*rand.Rand

	own, other company
	principals []client
	addresses  []string // of the principals
	all        []operationOf
	ids        map[string][]string // by path parameter
	seen       []string            // cursors of responses, and what looks like tokens
	token      string              // of the last invitation
	password   string              // the hash of password
	etags      []string
	succeeded  map[string]bool
}

func newRandomRequests(t *testing.T, seed uint64) *randomRequests {
	t.Helper()
	z := &randomRequests{
		testBundle: setup(t), Rand: rand.New(rand.NewPCG(seed, 0)), ids: map[string][]string{}, succeeded: map[string]bool{},
		etags: []string{"*", `"2ok5gyv0i0w"`, `W/"*"`, "garbage", "\"", " "}, seen: []string{"x", unknownToken, "klt_", "eyJ"},
	}
	z.own, z.other = z.found(t, "aardvark"), z.found(t, "buffalo")
	z.password = z.queryTexts(t, `SELECT hashed_password FROM portal_users LIMIT 1`)[0]
	viewer, editor, extra := z.hire(t, z.own.path, "viewer"), z.hire(t, z.own.path, "editor"), z.hire(t, z.own.path, "viewer")
	z.exec(t, `UPDATE portal_users SET email = 'owner@example.com' WHERE id = $1`, z.own.owner.id)
	z.principals = []client{z.anyone, viewer.client, editor.client, z.own.owner.client, z.admin}
	z.addresses = []string{"", viewer.email, editor.email, "owner@example.com", adminEmail}
	for _, c := range []company{z.own, z.own, z.other} { // own rows are used more often
		z.ids["tenant_id"] = append(z.ids["tenant_id"], idText(c.path))
		for name, id := range c.objects {
			z.ids[name] = append(z.ids[name], id)
		}
	}
	z.ids["user_id"] = []string{extra.id, z.user.id(t)} // not the principals, who would be disabled
	operations(t, func(method, path string, op *openapi3.Operation) {
		z.all = append(z.all, operationOf{method, path, op})
	})
	slices.SortFunc(z.all, func(a, b operationOf) int { return strings.Compare(a.op.OperationID, b.op.OperationID) })
	return z
}

func (z *randomRequests) send(t *testing.T, n int) {
	t.Helper()
	one, by := z.all[n%len(z.all)], z.IntN(len(z.principals))
	if z.IntN(2) == 0 {
		by = len(z.principals) - 1 - z.IntN(2) // an owner or an admin
	}
	path, header := z.path(t, one), z.header(one)
	got := z.principals[by].do(t, one.method, path, z.body(t, one), header...)

	require.Less(t, got.status, 500, "%v %v", got, header)
	require.NotNil(t, one.op.Responses.Status(got.status), "the document lacks the status of %s: %v %v", one.op.OperationID, got, header)
	if got.status < 300 {
		z.succeeded[one.op.OperationID] = true
	}
	if by < len(z.principals)-1 {
		for _, id := range append(slices.Collect(maps.Values(z.other.objects)), z.other.word) {
			require.NotContains(t, got.body, id, got)
		}
	}
	z.learn(one, got)
	z.repair(t, by, got)
}

// learn keeps the ids, tokens and versions of a response.
func (z *randomRequests) learn(one operationOf, got response) {
	var body object
	if got.status >= 300 || json.Unmarshal([]byte(got.body), &body) != nil {
		return
	}
	if etag := got.etag(); etag != "" {
		z.etags = append(z.etags, etag)
	}
	if cursor, ok := body["next_cursor"].(string); ok {
		z.seen = append(z.seen, cursor)
	}
	if link, ok := body["token"].(string); ok && body["tenant_id"] == idText(z.own.path) { // others' links show their tenant
		z.token = link
	}
	id, _ := body["id"].(string)
	for operation, name := range map[string]string{
		"create-tenant": "tenant_id", "create-agent": "agent_id", "duplicate-agent": "agent_id", "create-user": "user_id",
		"create-channel-connection": "connection_id", "create-invitation": "invitation_id",
	} {
		if operation == one.op.OperationID {
			z.ids[name] = append(z.ids[name], id)
		}
	}
}

// repair undoes what would end the run: suspended tenants, ended sessions, and limits of logins.
func (z *randomRequests) repair(t *testing.T, by int, got response) {
	t.Helper()
	if by > 0 && got.status == 401 {
		z.exec(t, `UPDATE portal_users SET hashed_password = $1`, z.password)
		z.principals[by] = z.login(t, z.addresses[by])
	}
	z.exec(t, `DELETE FROM login_attempts`)
	z.exec(t, `UPDATE tenants SET status = 'active' WHERE status = 'suspended'`)
}

func (z *randomRequests) path(t *testing.T, one operationOf) string {
	t.Helper()
	path := parameters.ReplaceAllStringFunc(one.path, func(name string) string {
		ids := z.ids[strings.Trim(name, "{}")]
		switch one.op.OperationID {
		case "delete-tenant", "get-purge":
			ids = ids[3:] // made by the run
		case "end-session":
			ids = z.queryTexts(t, `SELECT session_id::text FROM portal_sessions WHERE revoked_at IS NULL ORDER BY 1`)
		}
		if len(ids) == 0 || z.IntN(12) == 0 {
			ids = []string{uuid.NewString(), "x", "%", "\x00", strings.Repeat("0", 36), "..", " "}
		}
		return url.PathEscape(z.pick(ids))
	})
	query := url.Values{}
	for _, parameter := range one.op.Parameters {
		if p := parameter.Value; p.In == "query" && z.IntN(5) == 0 {
			query.Add(p.Name, strings.Trim(fmt.Sprint(z.value(p.Name, p.Schema.Value)), `"`))
		}
	}
	if z.IntN(30) == 0 {
		query.Add("unknown", "x")
	}
	return strings.TrimSuffix(path+"?"+query.Encode(), "?")
}

func (z *randomRequests) header(one operationOf) (header []string) {
	for _, parameter := range one.op.Parameters {
		p := parameter.Value
		if p.In != "header" || z.IntN(5) == 0 {
			continue
		}
		switch p.Name {
		case "Idempotency-Key":
			header = append(header, p.Name, z.pick([]string{"k", "k2", uuid.NewString(), uuid.NewString(), "a b", strings.Repeat("k", 256), "ü"}))
		case "If-Match", "If-None-Match":
			header = append(header, p.Name, z.pick([]string{"*", "*", "*", z.pick(z.etags), z.pick(z.etags[len(z.etags)-1:])}))
		default:
			header = append(header, p.Name, fmt.Sprint(z.value(p.Name, p.Schema.Value)))
		}
	}
	if z.IntN(40) == 0 {
		header = append(header, "Content-Type", z.pick([]string{"text/plain", "application/json; charset=x", ";", "application/merge-patch+json"}))
	}
	return header
}

func (z *randomRequests) pick(from []string) string { return from[z.IntN(len(from))] }
