package attack

func pins(target Target) family {
	f := family{name: "pins", title: "Accepted risks of the application's tables"}
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
