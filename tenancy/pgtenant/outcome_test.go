package pgtenant_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func requireUnknown(t *testing.T, err error, what string) {
	t.Helper()
	require.ErrorIs(t, err, pgtenant.ErrOutcomeUnknown, what)
	require.NotErrorIs(t, err, pgtenant.ErrNoEffect, what)
}

func requireNoEffect(t *testing.T, err error, what string) {
	t.Helper()
	require.ErrorIs(t, err, pgtenant.ErrNoEffect, what)
	require.NotErrorIs(t, err, pgtenant.ErrOutcomeUnknown, what)
}

// The outcome of a write is unknown if its answer is lost. Everything else has no effect.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	const returning = writeGlobal + " returning count"
	eachMode(t, func(t *testing.T, h *testBundle) {
		proxy := h.proxied(t, pgtenant.WithMaxConns(1), pgtenant.WithQueryMode(h.mode))
		h.healthy(t)
		ctx := h.asA
		var n int64
		writes := map[string]func(key string) error{
			"exec":      func(key string) error { return exec(ctx, h, writeGlobal, key) },
			"returning": func(key string) error { return pgtenant.QueryRow(ctx, h, returning, key).Scan(&n) },
			"with": func(key string) error {
				return pgtenant.QueryRow(ctx, h, "with w as ("+returning+") select count from w", key).Scan(&n)
			},
			"rows not read": func(key string) error { return h.Query(ctx, returning, []any{key}, &entsql.Rows{}) },
		}
		// Prepare first, so that the lost answer is the statement's.
		warm := func() {
			proxy.Deafen(false)
			for _, write := range writes {
				require.NoError(t, write(unique()))
			}
			h.healthy(t)
		}
		for name, write := range writes {
			warm()
			key := unique()
			proxy.Deafen(true)
			err := write(key)
			requireUnknown(t, err, name)
			require.ErrorIs(t, err, pgtenant.ErrConnection, name)
			h.requireWritten(t, key)
		}

		warm()
		proxy.Deafen(true)
		err := pgtenant.QueryRow(ctx, h, "select count(*) from agents").Scan(&n)
		requireNoEffect(t, err, "a read")
		require.ErrorIs(t, err, pgtenant.ErrConnection)

		for name, write := range map[string]bool{
			"a transaction that wrote": true, "a transaction that read": false,
		} {
			warm()
			key := unique()
			tx := h.begin(h.asA, t)
			read[int](ctx, t, tx, "select count(*) from agents")
			if write {
				require.NoError(t, exec(ctx, tx, writeGlobal, key))
			}
			proxy.Deafen(true)
			err = tx.Commit()
			require.ErrorIs(t, err, pgtenant.ErrConnection)
			if write {
				requireUnknown(t, err, name)
				h.requireWritten(t, key)
			} else {
				requireNoEffect(t, err, name)
			}
		}

		warm()
		key := unique()
		tx := h.begin(h.asA, t)
		require.NoError(t, exec(ctx, tx, writeGlobal, key))
		proxy.Deafen(true)
		requireNoEffect(t, exec(ctx, tx, writeGlobal, key+"2"), "a statement before the commit")
		requireNoEffect(t, tx.Commit(), "an unsent commit")
		require.Zero(t, h.written(t, key))
		proxy.Deafen(false)
		h.healthy(t)
	})
}

// requireWritten waits for a write whose answer was lost.
func (h *testBundle) requireWritten(t *testing.T, key string) {
	t.Helper()
	require.Eventually(t, func() bool { return h.written(t, key) == 1 }, 10*time.Second, 10*time.Millisecond)
}

// If the context ends before the answer, a write's outcome is unknown unless the server reports the cancel.
func TestContextEndsWhileAnAnswerIsAwaited(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		proxy := h.proxied(t, pgtenant.WithMaxConns(1), pgtenant.WithQueryMode(h.mode))
		h.healthy(t)
		thaw := func() {
			proxy.Mute(false)
			h.healthy(t)
		}
		frozen := func() context.Context {
			require.NoError(t, exec(h.asA, h, writeGlobal, unique()))
			proxy.Mute(true)
			ctx, cancel := context.WithTimeout(h.asA, shortly)
			t.Cleanup(cancel)
			return ctx
		}
		key := unique()
		err := exec(frozen(), h, writeGlobal, key)
		requireUnknown(t, err, "write")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		h.requireWritten(t, key)
		thaw()

		var n int64
		err = pgtenant.QueryRow(frozen(), h, "select count(*) from agents").Scan(&n)
		requireNoEffect(t, err, "read")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		thaw()

		ctx, cancel := context.WithCancel(h.asA)
		defer cancel()
		key = unique()
		tx := h.begin(ctx, t)
		require.NoError(t, exec(ctx, tx, writeGlobal, key))
		proxy.Mute(true)
		time.AfterFunc(shortly, cancel)
		err = tx.Commit()
		requireUnknown(t, err, "commit")
		require.ErrorIs(t, err, context.Canceled)
		h.requireWritten(t, key)
		thaw()
	})
}

// A statement that was not sent, or was refused, had no effect.
func TestNoEffect(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1), pgtenant.WithAcquireTimeout(20*shortly))
	ended, cancel := context.WithCancel(h.asA)
	cancel()
	err := exec(ended, h, writeGlobal, unique())
	requireNoEffect(t, err, "not sent")
	require.ErrorIs(t, err, context.Canceled)

	ctx, cancel := context.WithCancel(h.asA)
	tx := h.begin(ctx, t)
	require.NoError(t, exec(ctx, tx, writeGlobal, unique()))
	err = exec(h.asB, h, writeGlobal, unique())
	requireNoEffect(t, err, "no connection")
	require.ErrorIs(t, err, pgtenant.ErrPoolBusy)
	cancel()
	requireNoEffect(t, tx.Commit(), "not committed")

	key := unique()
	require.NoError(t, exec(h.asA, h, writeGlobal, key))
	err = exec(h.asA, h, writeGlobal, key)
	requireCode(t, "23505", err)
	require.NotErrorIs(t, err, pgtenant.ErrOutcomeUnknown, "the server refused it")
	require.NotErrorIs(t, err, pgtenant.ErrNoEffect, "it would refuse it again")
}

// A statement on a connection that the server closed while idle is resent.
func TestServerEndsIdleSessions(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		require.NoError(t, exec(h.asA, h, writeGlobal, unique()))
		for _, cold := range []string{"", " -- not prepared"} {
			h.terminate(t)
			key := unique()
			err := exec(h.asA, h, writeGlobal+cold, key)
			if err != nil { // the socket was reset before the server's message was read
				require.ErrorIs(t, err, pgtenant.ErrConnection)
			}
			require.Equal(t, err == nil, h.written(t, key) == 1)
			h.healthy(t)
		}
	})
}

// Connections to a read-only server are replaced; those with a read-only transaction are not.
func TestReadOnlyServer(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		ctx, before := h.asA, h.pid(t)

		tx, err := h.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		require.NoError(t, err)
		t.Cleanup(func() { _ = tx.Rollback() })
		err = exec(ctx, tx, writeGlobal, unique())
		requireCode(t, "25006", err)
		require.NotErrorIs(t, err, pgtenant.ErrReadOnlyServer)
		require.NoError(t, tx.Rollback())
		require.Equal(t, before, h.pid(t), "the connection is kept")

		h.alter(t, "set default_transaction_read_only = on")
		h.terminate(t)
		require.Eventually(t, func() bool { return exec(ctx, h, "select 1") == nil }, 10*time.Second, time.Millisecond)
		write := func() error { return exec(ctx, h, writeGlobal, unique()) }
		for name, write := range map[string]func() error{
			"write": write,
			"rows": func() error {
				return h.Query(ctx, writeGlobal+" returning key", []any{unique()}, &entsql.Rows{})
			},
			"transaction": func() error {
				return h.inTx(ctx, func(ctx context.Context, tx *ent.Tx) error {
					return tx.Agent.Update().SetRole("x").Exec(ctx)
				})
			},
		} {
			before := h.pid(t)
			err := write()
			require.ErrorIs(t, err, pgtenant.ErrReadOnlyServer, name)
			requireNoEffect(t, err, name)
			requireCode(t, "25006", err)
			require.NotEqual(t, before, h.pid(t), name)
		}
		h.healthy(t)

		h.admin(t, "set default_transaction_read_only = off")
		h.alter(t, "reset default_transaction_read_only")
		require.Error(t, write(), "still the read-only connection")
		require.NoError(t, write())
	})
}
