package attack

import (
	"context"
	"errors"
	"fmt"
)

const (
	pinFamily = "pins"
	pinTitle  = "Accepted risks of the application's tables"
)

// Attack returns the pin as reports and documentation list it.
func (p Pin) Attack() Attack {
	return described(Attack{ID: p.ID, Family: pinFamily, Does: p.Does, Required: p.Shows, Accepted: p.Risk})
}

func (k *kit) pins(t test) {
	t.Parallel()
	for _, p := range k.target.Pins {
		if p.Privileged && k.target.Superuser == "" {
			k.report.add(pinTitle, p.Attack(), Result{Outcome: NotMade, Detail: "needs Target.Superuser"})
			continue
		}
		t.sub(p.ID, func(t test) {
			k.record(t, pinTitle, p.Attack(), "", func(ctx context.Context) error {
				there, err := p.Show(ctx)
				return pinned(err, there)
			})
		})
	}
}

// pinned returns an error if an accepted risk could not be shown, or no longer exists.
func pinned(err error, stillThere bool) error {
	if err != nil {
		return fmt.Errorf("the accepted risk could not be shown: %w", err)
	}
	if !stillThere {
		return errors.New("the accepted risk no longer exists: remove it from the list and require that")
	}
	return nil
}
