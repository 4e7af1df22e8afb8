package secrets

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/secret"
)

const (
	// MaxNames is how many secrets a connection may have.
	MaxNames = 32
	// maxName is the greatest length of a name, in bytes.
	maxName = 64
)

// Patch is what a client sends for a connection's secrets, by name: a text sets the secret, null removes it, and a
// name that is absent stays as it is. The values are in the clear: Patch prints names only, also as JSON, and is
// read from JSON like the map that it is.
type Patch map[string]*string

// Check returns every fault of p as a [FaultError], joined and in the order of the names; nil if there is none.
// What depends on the stored secrets is checked by [Box.Apply].
func (p Patch) Check() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if value := p[name]; value == nil {
			faults = append(faults, checkName(name))
		} else {
			faults = append(faults, checkValue(name, *value))
		}
	}
	return errors.Join(faults...)
}

// Apply returns the secrets to store after p: those that p sets and those of stored that p doesn't name, all sealed for
// ref with the first key, so that a save that overtakes a key rotation doesn't put an older key back into use. A stored
// secret that doesn't open is kept as it is. Neither stored nor p is changed; removing a name that isn't there is no
// fault. The errors are those of [Patch.Check], [ErrTooMany] and [ErrNoKeys] in a [FaultError],
// [ErrInvalidRef] and tenancy.ErrInvalidID.
func (b *Box) Apply(ref Ref, stored map[string]string, p Patch) (map[string]string, error) {
	if err := ref.check(); err != nil {
		return nil, err
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	merged := b.resealed(ref, stored)
	for name, value := range p {
		if value == nil {
			delete(merged, name)
			continue
		}
		sealed, err := b.Seal(ref, name, []byte(*value))
		if err != nil {
			return nil, err
		}
		merged[name] = sealed
	}
	if len(merged) > MaxNames && len(merged) > len(stored) {
		return nil, &FaultError{Err: ErrTooMany}
	}
	return merged, nil
}

// resealed is a copy of stored in which every secret that opens is sealed with the first key.
func (b *Box) resealed(ref Ref, stored map[string]string) map[string]string {
	merged := make(map[string]string, len(stored))
	for name, sealed := range stored {
		merged[name] = sealed
		if current, err := b.Reseal(ref, name, sealed); err == nil {
			merged[name] = current
		}
	}
	return merged
}

// Names lists the names of stored secrets, sorted: all of them that may leave the server.
func Names(stored map[string]string) []string {
	// Not slices.Sorted, which is nil for none and would be null in JSON.
	names := slices.AppendSeq(make([]string, 0, len(stored)), maps.Keys(stored))
	slices.Sort(names)
	return names
}

func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return &FaultError{Err: ErrName}
	}
	return nil
}

func checkValue(name, value string) error {
	if err := checkName(name); err != nil {
		return err
	}
	switch {
	case len(value) > MaxValue:
		return &FaultError{Name: name, Err: ErrTooLarge}
	case strings.TrimSpace(value) == "":
		return &FaultError{Name: name, Err: ErrEmpty}
	case redacted(value):
		return &FaultError{Name: name, Err: ErrRedacted}
	}
	return nil
}

// redacted recognises what programs show in a secret's place: the word, in whatever brackets, and runs of dots or
// stars, also with the secret's beginning or end left standing. No channel's token looks like that.
func redacted(value string) bool {
	word := strings.Trim(strings.ToLower(strings.TrimSpace(value)), "[](){}<>*_- ")
	if word == "" || word == "redacted" || word == "hidden" || word == "masked" {
		return true
	}
	for _, mark := range []string{"***", "•••", "●●●", secret.Mark} {
		if strings.Contains(value, mark) {
			return true
		}
	}
	return false
}

// shown is p as it may be seen: names, and whether each is set or removed.
func (p Patch) shown() map[string]*string {
	mark := secret.Mark
	seen := make(map[string]*string, len(p))
	for name, value := range p {
		if checkName(name) != nil {
			name = "(not a name)"
		}
		seen[name] = nil
		if value != nil {
			seen[name] = &mark
		}
	}
	return seen
}

// String prints names only.
func (p Patch) String() string {
	return fmt.Sprintf("secrets.Patch%q", slices.Sorted(maps.Keys(p.shown())))
}

// GoString implements [fmt.GoStringer] as String does.
func (p Patch) GoString() string { return p.String() }

// LogValue implements [slog.LogValuer] as String does.
func (p Patch) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalJSON implements [json.Marshaler] with [secret.Mark] for each value.
func (p Patch) MarshalJSON() ([]byte, error) { return json.Marshal(p.shown()) }
