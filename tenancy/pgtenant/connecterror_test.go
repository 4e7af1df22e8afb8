package pgtenant_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/faultproxy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return listener.Addr().String()
}

// refusing is a server that answers each startup with an error of this code that has all fields.
func refusing(t *testing.T, code string) (address string) {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		defer conn.Close()
		backend := pgproto3.NewBackend(conn, conn)
		if _, err := backend.ReceiveStartupMessage(); err == nil {
			backend.Send(&pgproto3.ErrorResponse{
				Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Routine: "auth_failed",
				Message: `no "ada" in "ledger" from host "127.0.0.1"`, Detail: "s3cret", Hint: "s3cret",
			})
			_ = backend.Flush()
		}
	})
}

func hangingUp(t *testing.T) (address string) {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		_ = conn.(*net.TCPConn).CloseWrite()
		time.AfterFunc(time.Second, func() { _ = conn.Close() })
	})
}

func TestConnectCauses(t *testing.T) {
	t.Parallel()
	closed := faultproxy.Start(t, "postgres://x/")
	closed.Refuse()
	hanging := faultproxy.Start(t, "postgres://x/")
	hanging.Hang(true)
	for name, tc := range map[string]struct {
		hosts, query string
		cause        pgtenant.Cause
		code         string // SQLSTATE
	}{
		"wrong password":          {refusing(t, "28P01"), "", pgtenant.CauseCredentials, "28P01"},
		"no entry in pg_hba.conf": {refusing(t, "28000"), "", pgtenant.CauseCredentials, "28000"},
		"no such database":        {refusing(t, "3D000"), "", pgtenant.CauseDatabase, "3D000"},
		"no CONNECT":              {refusing(t, "42501"), "", pgtenant.CausePermission, "42501"},
		"a limit":                 {refusing(t, "53300"), "", pgtenant.CauseLimit, "53300"},
		"starting":                {refusing(t, "57P03"), "", pgtenant.CauseStarting, "57P03"},
		"shutting down":           {refusing(t, "57P01"), "", pgtenant.CauseStarting, "57P01"},
		"another code":            {refusing(t, "08P01"), "", pgtenant.CauseOther, "08P01"},
		"refused TCP":             {closed.Address(), "", pgtenant.CauseRefused, ""},
		"no socket":               {"", "&host=/nonexistent", pgtenant.CauseRefused, ""},
		"no name":                 {"ledger.invalid:5432", "", pgtenant.CauseHostname, ""},
		"no answer":               {hanging.Address(), "&connect_timeout=1", pgtenant.CauseTimeout, ""},
		"no answer to TLS": {
			hanging.Address(), "&connect_timeout=1&sslmode=require", pgtenant.CauseTimeout, "",
		},
		"closed by the server":       {hangingUp(t), "", pgtenant.CauseHangup, ""},
		"no TLS":                     {withoutTLS(t), "&sslmode=require", pgtenant.CauseTLS, ""},
		"refused, then a limit":      {closed.Address() + "," + refusing(t, "53300"), "", pgtenant.CauseLimit, "53300"},
		"a limit, then refused":      {refusing(t, "53300") + "," + closed.Address(), "", pgtenant.CauseLimit, "53300"},
		"refused, then no such name": {closed.Address() + ",ledger.invalid:1", "", pgtenant.CauseRefused, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(tc.query, "sslmode") {
				tc.query += "&sslmode=disable"
			}
			drv, err := pgtenant.Open(t.Context(),
				"postgres://ada:s3cret@"+tc.hosts+"/ledger?application_name=x"+tc.query)
			require.NoError(t, err)
			defer func() { _ = drv.Close() }()
			start := time.Now()
			err = exec(t.Context(), drv, "select 1")
			require.Less(t, time.Since(start), 4*time.Second, "before the acquire timeout")
			requireCause(t, tc.cause, err)

			var db *pgconn.PgError
			if tc.code == "" {
				require.NotErrorAs(t, err, &db)
			} else {
				require.ErrorAs(t, err, &db)
				require.Equal(t, tc.code, db.Code)
				require.Equal(t, "auth_failed", db.Routine)
				require.Contains(t, err.Error(), tc.code)
			}
			for _, part := range []string{"ada", "s3cret", "ledger", "127.0.0.1", "nonexistent"} {
				require.NotContains(t, fmt.Sprintf("%v %+v %#v %v", err, err, err, db), part)
			}
		})
	}
}

// Silent hosts are tried one after the other, so the acquire timeout can expire before the last one.
func TestNoAnswerWithinTheAcquireTimeout(t *testing.T) {
	t.Parallel()
	hanging := faultproxy.Start(t, "postgres://x/")
	hanging.Hang(true)
	drv, err := pgtenant.Open(t.Context(), hanging.URL()+"?sslmode=disable", pgtenant.WithAcquireTimeout(4*shortly))
	require.NoError(t, err)
	defer func() { _ = drv.Close() }()
	err = exec(t.Context(), drv, "select 1")
	requireCause(t, pgtenant.CauseTimeout, err)
}

// withoutTLS is a server that declines TLS.
func withoutTLS(t *testing.T) (address string) {
	t.Helper()
	h := setup(t)
	u, err := url.Parse(h.url)
	require.NoError(t, err)
	return u.Host
}

// A working host is found among failing ones.
func TestSeveralHosts(t *testing.T) {
	t.Parallel()
	h := setup(t)
	closed := faultproxy.Start(t, h.url)
	closed.Refuse()
	hanging := faultproxy.Start(t, "postgres://x/")
	hanging.Hang(true)
	works := faultproxy.Start(t, h.url)
	for name, first := range map[string]string{
		"refused": closed.Address(), "hanging": hanging.Address(),
		"no name": "ledger.invalid:5432", "limit": refusing(t, "53300"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(works.URL())
			require.NoError(t, err)
			u.Host = first + "," + works.Address()
			q := u.Query()
			q.Set("target_session_attrs", "read-write")
			q.Set("connect_timeout", "1")
			u.RawQuery = q.Encode()
			drv, err := pgtenant.Open(t.Context(), u.String())
			require.NoError(t, err)
			defer func() { _ = drv.Close() }()
			require.NoError(t, exec(h.asA, drv, "select 1"))
		})
	}
}

// A server without the target session state is not reported as unreachable.
func TestNoServerTakesWrites(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.alter(t, "set default_transaction_read_only = on")
	h.url += "&target_session_attrs=read-write"
	drv := h.open(t)
	err := exec(context.WithoutCancel(t.Context()), drv, "select 1")
	requireCause(t, pgtenant.CauseTarget, err)
}
