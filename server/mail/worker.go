package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// pollInterval is the delay until a message that was queued by another server is found.
	pollInterval = 5 * time.Second
	// concurrency is the number of messages that are sent at once.
	concurrency = 4
	// jobTimeout bounds one attempt. It is shorter than a lease, so a row is never sent by two workers at once.
	jobTimeout = 30 * time.Second
)

// delays returns the delays after the first and later attempts. After one more attempt the row is given up.
func delays() []time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}
}

// WorkerOptions configures a [Worker]. All fields are required.
type WorkerOptions struct {
	Queue Queue
	// Compose makes the message of a job and the token of its link. It returns [ErrObsolete] if the subject is gone.
	// Other errors are transient unless they wrap [ErrPermanent]. They are logged, so they must not contain addresses
	// or tokens.
	Compose func(ctx context.Context, job Job) (Message, error)
	Sender  Sender
	Clock   func() time.Time
	Logger  *slog.Logger
}

// Worker sends the messages of the outbox. Delivery is at least once: a message is sent again if the process fails
// between sending it and marking its row, after the lease of the row. Several workers can share an outbox.
type Worker struct {
	o WorkerOptions

	wake   chan struct{}
	slots  chan struct{} // one element for each running job
	jobs   sync.WaitGroup
	failed bool // the last claim
	counts workerCounts
}

// NewWorker returns a worker. Start it with [Worker.Run], once.
func NewWorker(o WorkerOptions) *Worker {
	return &Worker{o: o, wake: make(chan struct{}, 1), slots: make(chan struct{}, concurrency)}
}

// Wake makes the worker look into the outbox now. Call it after the transaction that queued a message.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // a wake-up is pending
	}
}

// Run sends messages until ctx is done, up to 4 at once. It looks into the outbox every 5 seconds, when a message has
// been sent, and after [Worker.Wake]. It returns when the running attempts have ended, after at most 30 seconds.
func (w *Worker) Run(ctx context.Context) {
	defer w.jobs.Wait()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		w.claim(ctx)
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-ticker.C:
		}
	}
}

// claim starts as many jobs as there are free slots. Each wakes the worker when it ends.
func (w *Worker) claim(ctx context.Context) {
	free := cap(w.slots) - len(w.slots)
	if free == 0 {
		return
	}
	jobs, err := w.o.Queue.Claim(ctx, w.o.Clock(), free)
	if err != nil && !w.failed && ctx.Err() == nil {
		w.o.Logger.WarnContext(ctx, "mail outbox not readable", "error", err)
	}
	w.failed = err != nil
	for _, job := range jobs {
		w.slots <- struct{}{}
		w.jobs.Go(func() {
			defer w.Wake()
			defer func() { <-w.slots }()
			w.attempt(ctx, job)
		})
	}
}

// attempt sends one message. It ignores the end of ctx, because an attempt that is cut off may have sent the message.
func (w *Worker) attempt(ctx context.Context, job Job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), jobTimeout)
	defer cancel()
	if err := w.send(ctx, job); err != nil {
		w.fail(ctx, job, err)
		return
	}
	w.counts.sent.Add(1)
	if err := w.o.Queue.Done(ctx, job.ID); err != nil {
		w.o.Logger.WarnContext(ctx, "sent mail not marked, it will be sent again", "mail_id", job.ID, "error", err)
	}
}

// errUnfinished is returned for a row whose attempts had no outcome, so that a row that ends the process or cannot be
// marked is not sent again and again.
var errUnfinished = errors.New("mail: earlier attempts had no outcome")

func (w *Worker) send(ctx context.Context, job Job) error {
	if job.Attempts > len(delays())+1 {
		return errUnfinished
	}
	m, err := w.o.Compose(ctx, job)
	if err != nil {
		return fmt.Errorf("compose: %w", err)
	}
	return w.o.Sender.Send(ctx, m)
}

func (w *Worker) fail(ctx context.Context, job Job, cause error) {
	reason, delay := outcome(job, cause)
	w.counts.add(reason)
	attrs := []any{"mail_id", job.ID, "kind", job.Kind, "attempt", job.Attempts, "reason", reason, "error", cause}
	var retryAt time.Time
	if delay > 0 {
		retryAt = w.o.Clock().Add(delay)
		attrs = append(attrs, "retry_in", delay)
	}
	w.o.Logger.WarnContext(ctx, "mail not sent", attrs...)
	if err := w.o.Queue.Failed(ctx, job.ID, reason, retryAt); err != nil {
		w.o.Logger.WarnContext(ctx, "failed mail not marked, it will be tried again", "mail_id", job.ID, "error", err)
	}
}

// outcome returns the reason of a failure and the delay of the next attempt, or 0 to give up.
func outcome(job Job, cause error) (reason string, delay time.Duration) {
	earlier := max(job.Attempts-1, 0)
	switch {
	case errors.Is(cause, ErrObsolete):
		return ReasonObsolete, 0
	case errors.Is(cause, ErrPermanent):
		return ReasonRejected, 0
	case earlier >= len(delays()):
		return ReasonGaveUp, 0
	}
	return ReasonUnreachable, delays()[earlier]
}
