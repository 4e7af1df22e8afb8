package main

import (
	"fmt"
	"strings"
)

const pageHead = `# What each layer catches

<!-- Generated: go run ./integration/sabotage -docs >docs/security/sabotage.md -->

` + "`task test:sabotage`" + ` removes one protection at a time, on a copy, and requires that everything under
"noticed by" notices: a test fails, the doctor reports a finding, or an attack of the kit succeeds.
The run fails if a removal is not noticed. There are %d saboteurs.

"Meanwhile" says what happens to tenants' rows until it is fixed. If another layer still protects
them, the run requires that no attack on the changed tables succeeds, or that the tests of that
layer pass.
`

// page returns docs/security/sabotage.md. A run requires all that the page states.
func page(all []saboteur) string {
	var b strings.Builder
	fmt.Fprintf(&b, pageHead, len(all))
	for l, of := range byLayer(all, func(s saboteur) layer { return s.layer }) {
		fmt.Fprintf(&b, "\n## %s\n\n| removed | noticed by | meanwhile |\n|---|---|---|\n", l)
		for _, s := range of {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(s.removes), cell(s.noticedBy()...), cell(s.meanwhile()))
		}
	}
	return b.String()
}

func (s saboteur) noticedBy() []string {
	var out []string
	for _, code := range s.doctor {
		out = append(out, "doctor `"+code+"`")
	}
	for _, id := range s.attacks {
		switch id {
		case anyAttack:
			out = append(out, "an attack by a later tenant")
		case registration:
			out = append(out, "attack kit: the table is not registered")
		default:
			out = append(out, "attack `"+id+"`")
		}
	}
	for _, t := range s.caught {
		out = append(out, "`"+string(t)+"`")
	}
	return out
}

func (s saboteur) meanwhile() string {
	switch {
	case s.held != "":
		return s.held
	case len(s.attacks) > 0:
		return "**rows, or information about them, cross**"
	default:
		return "no other layer covers it"
	}
}
