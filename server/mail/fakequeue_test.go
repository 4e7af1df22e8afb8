package mail

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// row is a row of fakeQueue.
type row struct {
	Job

	notBefore time.Time
	reason    string
	ended     bool
}

// fakeQueue is an outbox in memory.
type fakeQueue struct {
	mu                sync.Mutex
	rows              []*row
	limits            []int // of the claims
	claimErr, doneErr error
}

func (q *fakeQueue) add(kind string) *row {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := &row{Job: Job{ID: uuid.New(), Kind: kind}, notBefore: time.Now()}
	q.rows = append(q.rows, r)
	return r
}

func (q *fakeQueue) Claim(_ context.Context, now time.Time, limit int) ([]Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limits = append(q.limits, limit)
	var jobs []Job
	for _, r := range q.rows {
		if len(jobs) < limit && !r.ended && !now.Before(r.notBefore) {
			r.Attempts++
			r.notBefore = now.Add(5 * time.Minute)
			jobs = append(jobs, r.Job)
		}
	}
	return jobs, q.claimErr
}

func (q *fakeQueue) Done(ctx context.Context, id uuid.UUID) error {
	return q.change(ctx, id, func(r *row) error { r.ended = q.doneErr == nil; return q.doneErr })
}

func (q *fakeQueue) Failed(ctx context.Context, id uuid.UUID, reason string, retryAt time.Time) error {
	return q.change(ctx, id, func(r *row) error {
		r.reason, r.notBefore, r.ended = reason, retryAt, retryAt.IsZero()
		return nil
	})
}

func (q *fakeQueue) change(ctx context.Context, id uuid.UUID, change func(*row) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return change(q.rows[slices.IndexFunc(q.rows, func(r *row) bool { return r.ID == id })])
}

// get returns the row as it is now.
func (q *fakeQueue) get(r *row) row {
	q.mu.Lock()
	defer q.mu.Unlock()
	return *r
}

// fail sets the errors of Claim and Done.
func (q *fakeQueue) fail(claim, done error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.claimErr, q.doneErr = claim, done
}
