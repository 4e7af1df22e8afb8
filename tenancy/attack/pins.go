package attack

const pinFamily = "pins"

// Attack returns the pin as reports and documentation list it.
func (p Pin) Attack() Attack {
	return described(Attack{ID: p.ID, Family: pinFamily, Does: p.Does, Required: p.Shows, Accepted: p.Risk})
}

func pins(target Target) family {
	f := family{name: pinFamily, title: "Accepted risks of the application's tables"}
	for _, p := range target.Pins {
		s := once(p.ID, p.Does, p.Shows, func(a *attempt) {
			there, err := p.Show(a.ctx)
			a.pinned(err, there)
		}).accepting(p.Risk)
		s.privileged = p.Privileged
		f.scenarios = append(f.scenarios, s)
	}
	return f
}
