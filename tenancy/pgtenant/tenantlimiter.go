package pgtenant

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/konstruct/konstruct/tenancy"
)

// tenantLimiter bounds how many connections one tenant uses at once, so that a busy tenant does not slow down others.
type tenantLimiter struct {
	limit int64
	waits waits

	mu    sync.Mutex
	inUse map[tenancy.ID]*tenantSlot
}

// tenantSlot has a tenant's slots. It is nil without a tenant, which has no limit.
type tenantSlot struct {
	limiter *tenantLimiter
	tenant  tenancy.ID
	slots   *semaphore.Weighted
	users   int // leases that hold a slot or wait for one; the last one removes the entry
}

func newTenantLimiter(maxConns int32) *tenantLimiter {
	return &tenantLimiter{limit: int64(max(1, maxConns/2)), inUse: map[tenancy.ID]*tenantSlot{}}
}

// acquire waits for a slot of the tenant. Release it afterwards.
func (l *tenantLimiter) acquire(ctx context.Context, tenant tenancy.ID) (*tenantSlot, error) {
	if tenant.IsZero() {
		return nil, nil //nolint:nilnil // see tenantSlot
	}
	slot := l.addUser(tenant)
	if slot.slots.TryAcquire(1) {
		return slot, nil
	}
	defer l.waits.begin()()
	if err := slot.slots.Acquire(ctx, 1); err != nil {
		slot.removeUser()
		return nil, err
	}
	return slot, nil
}

func (l *tenantLimiter) addUser(tenant tenancy.ID) *tenantSlot {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot, ok := l.inUse[tenant]
	if !ok {
		slot = &tenantSlot{limiter: l, tenant: tenant, slots: semaphore.NewWeighted(l.limit)}
		l.inUse[tenant] = slot
	}
	slot.users++
	return slot
}

func (s *tenantSlot) release() {
	if s != nil {
		s.slots.Release(1)
		s.removeUser()
	}
}

func (s *tenantSlot) removeUser() {
	s.limiter.mu.Lock()
	defer s.limiter.mu.Unlock()
	s.users--
	if s.users == 0 {
		delete(s.limiter.inUse, s.tenant)
	}
}
