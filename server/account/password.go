package account

import (
	"context"
	"runtime"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
)

// The lengths of a password that is being set, in bytes. The upper one keeps hashing an endless text from being an
// attack; it is far above what a pass phrase needs.
const (
	MinPassword = 8
	MaxPassword = 1024
)

// CheckPassword returns [ErrPassword] for a password that is too short, too long, or not UTF-8.
func CheckPassword(password string) error {
	if len(password) < MinPassword || len(password) > MaxPassword || !utf8.ValidString(password) {
		return ErrPassword
	}
	return nil
}

// Hasher turns passwords into hashes that say how they were made, and compares.
type Hasher interface {
	// Hash returns the hash of password with a new salt.
	Hash(ctx context.Context, password string) (string, error)
	// Compare reports whether hash was made of password.
	Compare(ctx context.Context, password, hash string) (bool, error)
}

// Params is the cost of argon2id.
type Params struct {
	MemoryKiB   uint32
	Iterations  uint32
	Parallelism uint8
}

// OWASP is what OWASP's password storage cheat sheet asks for: 19 MiB, two iterations, one lane. On one core it takes
// some 15 to 30 ms.
func OWASP() Params { return Params{MemoryKiB: 19 * 1024, Iterations: 2, Parallelism: 1} }

const (
	saltBytes = 16
	keyBytes  = 32
)

// Argon2 hashes with argon2id (RFC 9106). The hashes are in the reference implementation's format.
type Argon2 struct{ Params Params }

// Hash implements [Hasher].
func (a Argon2) Hash(_ context.Context, password string) (string, error) {
	return argon2id.CreateHash(password, &argon2id.Params{
		Memory: a.Params.MemoryKiB, Iterations: a.Params.Iterations, Parallelism: a.Params.Parallelism,
		SaltLength: saltBytes, KeyLength: keyBytes,
	})
}

// Compare implements [Hasher]. The cost is the hash's own.
func (a Argon2) Compare(_ context.Context, password, hash string) (bool, error) {
	return argon2id.ComparePasswordAndHash(password, hash)
}

// ShareOptions bounds a [Share]. What is zero has a default.
type ShareOptions struct {
	// AtOnce is how many passwords are hashed at the same time: half of the cores, and at least one. Each takes the
	// hasher's memory.
	AtOnce int
	// Queue is how many may wait for that; 32.
	Queue int
}

const defaultQueue = 32

// Share is a [Hasher] that takes a bounded share of the machine: hashing is meant to be expensive, and everybody may
// ask for it. Who finds the queue full gets [ErrBusy] at once.
type Share struct {
	next   Hasher
	places chan struct{} // of those who hash and those who wait
	cores  chan struct{} // of those who hash
}

// NewShare bounds next.
func NewShare(next Hasher, o ShareOptions) *Share {
	if o.AtOnce <= 0 {
		o.AtOnce = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if o.Queue <= 0 {
		o.Queue = defaultQueue
	}
	return &Share{next: next, places: make(chan struct{}, o.AtOnce+o.Queue), cores: make(chan struct{}, o.AtOnce)}
}

// Hash implements [Hasher]. The errors are [ErrBusy], the context's, and the hasher's.
func (s *Share) Hash(ctx context.Context, password string) (hash string, err error) {
	err = s.run(ctx, func() error {
		hash, err = s.next.Hash(ctx, password)
		return err
	})
	return hash, err
}

// Compare implements [Hasher], with the errors of Hash.
func (s *Share) Compare(ctx context.Context, password, hash string) (same bool, err error) {
	err = s.run(ctx, func() error {
		same, err = s.next.Compare(ctx, password, hash)
		return err
	})
	return same, err
}

func (s *Share) run(ctx context.Context, hash func() error) error {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		return ErrBusy
	}
	select {
	case s.cores <- struct{}{}:
		defer func() { <-s.cores }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return hash()
}
