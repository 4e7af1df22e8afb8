package migrate

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy/doctor"
)

// ErrWeakens is returned when a migration weakens isolation without a declaration. The error names file, object and
// risk.
var ErrWeakens = errors.New("the migration weakens isolation")

// declaration is a line that accepts a weakening after review:
//
//	-- konstruct:weakens policy support on public.notes because …
var declaration = regexp.MustCompile(`(?m)^[ \t]*--[ \t]*konstruct:weakens[ \t]+(.+?)[ \t]+because[ \t]+\S.*$`)

// weakening collects the undeclared weakenings of a chain's files.
type weakening struct {
	spec doctor.Spec
	errs []error
}

func (w *weakening) observe(f file, before, after doctor.Snapshot) {
	var declared []string
	for _, m := range declaration.FindAllStringSubmatch(f.text, -1) {
		declared = append(declared, m[1])
	}
	used := make(map[string]bool)
	for _, finding := range doctor.Weakened(before, after, w.spec) {
		used[finding.Object] = true
		if !slices.Contains(declared, finding.Object) {
			w.errs = append(w.errs,
				fmt.Errorf("%w: %s: %s (%s): %s To accept it, add: -- konstruct:weakens %s because …",
					ErrWeakens, f.name, finding.Object, finding.Code, finding.Risk, finding.Object))
		}
	}
	declared = slices.DeleteFunc(declared, func(object string) bool { return used[object] })
	if len(declared) > 0 {
		w.errs = append(w.errs, fmt.Errorf("%w: %s: remove declarations that do not apply: %s",
			ErrLint, f.name, strings.Join(declared, ", ")))
	}
}
