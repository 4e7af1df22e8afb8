package tenancy_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy"
)

func newID(t *testing.T) tenancy.ID {
	t.Helper()
	id, err := tenancy.FromUUID(uuid.New())
	require.NoError(t, err)
	return id
}

func TestContext(t *testing.T) {
	t.Parallel()
	a, b := newID(t), newID(t)
	bg := t.Context()
	for name, tc := range map[string]struct {
		ctx  context.Context
		want tenancy.ID
		err  error
	}{
		"no tenant":                      {ctx: bg, err: tenancy.ErrNoTenant},
		"a tenant":                       {ctx: tenancy.With(bg, a), want: a},
		"the same tenant again":          {ctx: tenancy.With(tenancy.With(bg, a), a), want: a},
		"another tenant":                 {ctx: tenancy.With(tenancy.With(bg, a), b), err: tenancy.ErrTenantSwitch},
		"back again after a switch":      {ctx: tenancy.With(tenancy.With(tenancy.With(bg, a), b), a), err: tenancy.ErrTenantSwitch},
		"the zero ID":                    {ctx: tenancy.With(bg, tenancy.ID{}), err: tenancy.ErrInvalidID},
		"a tenant over the zero ID":      {ctx: tenancy.With(tenancy.With(bg, tenancy.ID{}), a), err: tenancy.ErrInvalidID},
		"the zero ID over a tenant":      {ctx: tenancy.With(tenancy.With(bg, a), tenancy.ID{}), err: tenancy.ErrInvalidID},
		"detached":                       {ctx: tenancy.Detach(tenancy.With(bg, a)), err: tenancy.ErrNoTenant},
		"another tenant, after a detach": {ctx: tenancy.With(tenancy.Detach(tenancy.With(bg, a)), b), want: b},
		"detached after a switch":        {ctx: tenancy.With(tenancy.Detach(tenancy.With(tenancy.With(bg, a), b)), b), want: b},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tenancy.From(tc.ctx)
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestDetach(t *testing.T) {
	t.Parallel()
	type key struct{}
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "trace"), time.Hour)
	detached := tenancy.Detach(ctx)
	cancel()
	require.Error(t, ctx.Err())
	require.NoError(t, detached.Err())
	_, bounded := detached.Deadline()
	require.False(t, bounded)
	require.Equal(t, "trace", detached.Value(key{}))
}

func TestGinContextIsRefused(t *testing.T) {
	t.Parallel()
	a := newID(t)
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(http.MethodGet, "/", nil).WithContext(tenancy.With(t.Context(), a))
	type key struct{}
	for name, ctx := range map[string]context.Context{
		"itself":              c,
		"a context above it":  context.WithValue(c, key{}, 1),
		"with a tenant on it": tenancy.With(c, a),
		"detached from it":    tenancy.Detach(c),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tenancy.From(ctx)
			require.ErrorIs(t, err, tenancy.ErrRecycledContext)
		})
	}
	got, err := tenancy.From(c.Request.Context())
	require.NoError(t, err)
	require.Equal(t, a, got)
}
