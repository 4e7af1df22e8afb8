package main

import (
	"fmt"
	"slices"
	"strings"
)

const pageHead = `# What each layer catches

<!-- Generated: go run ./integration/sabotage -docs >docs/security/sabotage.md -->

A test that cannot fail proves nothing. ` + "`task test:sabotage`" + ` removes one protection at a time, on a scratch copy, and requires
that what stands under "noticed by" notices: a test of the suite fails, the doctor has a finding, or an attack of
the kit is not stopped. A protection that can be removed without being noticed fails the run. There are %d saboteurs.

"Meanwhile" says what happens to tenants' rows until it is fixed. Where another layer holds, the run requires that too: no attack
of the kit may cross, or the tests that prove the other layer must pass.
`

// page is docs/security/sabotage.md. The run demands all that it says.
func page(all []saboteur) string {
	var b strings.Builder
	fmt.Fprintf(&b, pageHead, len(all))
	for _, l := range layers() {
		of := slices.DeleteFunc(slices.Clone(all), func(s saboteur) bool { return s.layer != l })
		if len(of) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n| removed | noticed by | meanwhile |\n|---|---|---|\n", l)
		for _, s := range of {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(s.removes), cell(strings.Join(s.noticedBy(), "<br>")), cell(s.meanwhile()))
		}
	}
	return b.String()
}

func (s saboteur) noticedBy() []string {
	var out []string
	if s.data != nil {
		for _, code := range s.data.doctor {
			out = append(out, "doctor `"+code+"`")
		}
		for _, id := range s.data.attacks {
			switch id {
			case anyAttack:
				out = append(out, "attacks by the tenants that come later")
			case registration:
				out = append(out, "attack kit: the table is not registered")
			default:
				out = append(out, "attack `"+id+"`")
			}
		}
		return out
	}
	for _, t := range s.code.caught {
		out = append(out, "`"+string(t)+"`")
	}
	return out
}

func (s saboteur) meanwhile() string {
	switch {
	case s.held != "":
		return s.held
	case s.data != nil && len(s.data.attacks) > 0:
		return "**rows, or information about them, cross**"
	default:
		return "no other layer covers it"
	}
}
