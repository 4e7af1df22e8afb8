package main

import (
	"fmt"
	"slices"
	"strings"
)

const pageHead = `# What each layer catches

<!-- Generated: go run ./integration/sabotage -docs >docs/security/sabotage.md -->

A test that can't fail proves nothing. ` + "`task test:sabotage`" + ` takes one protection away at a time, on a scratch copy, and demands
that what stands in the last column but one notices: a test of the suite turns red, the doctor has a finding, an attack of
the kit gets through. A protection that can go without anybody noticing fails the run. There are %d saboteurs.

"Meanwhile" says what becomes of tenants' rows as long as nobody does anything about it. Where another layer holds, the run
demands that too: the attack kit must not get through, or the tests that prove the other layer must stay green.
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
		fmt.Fprintf(&b, "\n## %s\n\n| taken away | noticed by | meanwhile |\n|---|---|---|\n", l)
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
				out = append(out, "attacks, of whoever does not come first")
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
		return "**rows, or knowledge of them, cross**"
	default:
		return "nothing else stands in for it"
	}
}
