package secrets

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/redact"
)

const (
	// MaxNames is the maximum number of a connection's secrets.
	MaxNames = 32
	maxName  = 64
)

// Patch changes a connection's secrets by name: a text sets the secret, null removes it, and an absent name keeps it.
// Patch holds plaintext, and therefore prints names only, also as JSON.
type Patch map[string]*string

// Check returns a [FaultError] for each invalid name or value, joined and sorted by name, or nil. [ErrTooMany] depends
// on the stored secrets and is returned by [Box.Apply].
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

// Apply returns stored with the changes of p, all sealed for ref with the first key, so that a save concurrent with a
// key rotation does not restore an older key. A stored secret that does not open is kept unchanged. Neither stored nor
// p is modified. Removing an absent name is not an error. The errors are [FaultError], [ErrInvalidRef] and
// tenancy.ErrInvalidID.
func (b *Box) Apply(ref Ref, stored map[string]string, p Patch) (map[string]string, error) {
	if err := ref.check(); err != nil {
		return nil, err
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	merged := map[string]string{}
	maps.Copy(merged, stored)
	for name, sealed := range stored {
		if current, err := b.Reseal(ref, name, sealed); err == nil {
			merged[name] = current
		}
	}
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

// Names returns the sorted names of stored secrets.
func Names(stored map[string]string) []string {
	// Not slices.Sorted: it returns nil for an empty map, which is null in JSON.
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

// redacted reports whether value is what programs print in place of a secret: a word such as "redacted", or runs of
// dots or stars, possibly beside the secret's first or last characters. No channel's tokens look like that.
func redacted(value string) bool {
	word := strings.Trim(strings.ToLower(strings.TrimSpace(value)), "[](){}<>*_- ")
	contains := func(mark string) bool { return strings.Contains(value, mark) }
	return slices.Contains([]string{"", "redacted", "hidden", "masked"}, word) ||
		slices.ContainsFunc([]string{"***", "•••", "●●●", redact.Mark}, contains)
}

// shown returns p with its values and invalid names redacted.
func (p Patch) shown() map[string]*string {
	mark := redact.Mark
	seen := make(map[string]*string, len(p))
	for name, value := range p {
		if checkName(name) != nil {
			name = "(invalid name)"
		}
		seen[name] = nil
		if value != nil {
			seen[name] = &mark
		}
	}
	return seen
}

// String returns the names only.
func (p Patch) String() string {
	return fmt.Sprintf("secrets.Patch%q", slices.Sorted(maps.Keys(p.shown())))
}

// GoString implements [fmt.GoStringer] as String does.
func (p Patch) GoString() string { return p.String() }

// LogValue implements [slog.LogValuer] as String does.
func (p Patch) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalJSON implements [json.Marshaler] with [redact.Mark] for each value.
func (p Patch) MarshalJSON() ([]byte, error) { return json.Marshal(p.shown()) }
