package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// codeLints look at what answers, or runs by itself, beside the tables.
func codeLints() []Lint {
	return []Lint{
		{
			Code: "view.definer", Level: LevelError,
			Risk: "The view reads as its owner, not as the one who asks: the application's policies don't apply to it.",
			find: eachView("v", func(r relation) *fault {
				if r.Invoker {
					return nil
				}
				return &fault{"view " + r.name(), script("ALTER VIEW " + r.sql() + " SET (security_invoker = true)")}
			}),
		},
		{
			Code: "view.materialized", Level: LevelError,
			Risk: "A materialized view is a copy of its owner's rows, and can't have policies.",
			find: eachView("m", func(r relation) *fault {
				return &fault{"materialized view " + r.name(), script(
					"-- its rows are copies: nothing is lost", "DROP MATERIALIZED VIEW "+r.sql())}
			}),
		},
		{
			Code: "rule.present", Level: LevelError,
			Risk: "A rule rewrites statements into others, which act with the table owner's rights.",
			find: func(e *examination) []fault {
				return e.attached("rule", func(t trigger) bool { return e.classOf(t.Schema+"."+t.Table) != "" })
			},
		},
		{
			Code: "trigger.unlisted", Level: LevelError,
			Risk: "A trigger sees each row that is written, and can copy it to where no policy is.",
			find: func(e *examination) []fault {
				return e.attached("trigger", func(t trigger) bool {
					_, listed := e.cat.Triggers[t.Schema+"."+t.Table+"."+t.Name]
					return e.isTenant(t.Schema, t.Table) && !listed
				})
			},
		},
	}
}

func functionLints() []Lint {
	return []Lint{
		{
			Code: "function.tenant-setting", Level: LevelError,
			Risk: "The function runs under a tenant of its own, whoever calls it: it reads that one's rows for everybody.",
			find: eachFunction(findTenantSettings),
		},
		{
			Code: "function.leakproof", Level: LevelError,
			Risk: "PostgreSQL trusts a LEAKPROOF function with rows before the policies have been applied.",
			find: eachFunction(func(_ *examination, f function) string {
				if !f.Leakproof {
					return ""
				}
				return "ALTER FUNCTION " + f.Identity + " NOT LEAKPROOF"
			}),
		},
		{
			Code: "function.untrusted", Level: LevelError,
			Risk: "Code in an untrusted language does what the server's process can: read files, and any tenant's rows.",
			find: eachFunction(func(e *examination, f function) string {
				if !f.Untrusted || f.Extension || !e.callable(f) {
					return ""
				}
				return fmt.Sprintf("REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC, %s", f.Identity, quoted(e.cat.AppRole))
			}),
		},
	}
}

// eachView leaves out an extension's views: they show the server's own state.
func eachView(kind string, judge func(relation) *fault) func(*examination) []fault {
	return func(e *examination) []fault {
		var out []fault
		for _, r := range e.Relations {
			if r.Kind != kind || r.Extension {
				continue
			}
			if f := judge(r); f != nil {
				out = append(out, *f)
			}
		}
		return out
	}
}

// attached are triggers or rules, as findings that drop them.
func (e *examination) attached(kind string, bad func(trigger) bool) []fault {
	var out []fault
	for _, t := range e.Triggers {
		if t.Kind == kind && bad(t) {
			out = append(out, fault{
				fmt.Sprintf("%s %s on %s.%s", kind, t.Name, t.Schema, t.Table),
				script(fmt.Sprintf("DROP %s %s ON %s", strings.ToUpper(kind), quoted(t.Name), quoted(t.Schema, t.Table))),
			})
		}
	}
	return out
}

// eachFunction makes a lint of a judgement that answers with the remedy, or with nothing.
func eachFunction(judge func(*examination, function) string) func(*examination) []fault {
	return func(e *examination) []fault {
		var out []fault
		for _, f := range e.Functions {
			if remedy := judge(e, f); remedy != "" {
				out = append(out, fault{"function " + f.Signature, script(remedy)})
			}
		}
		return out
	}
}

// callable tells whether the application may call a function.
func (e *examination) callable(f function) bool {
	return slices.ContainsFunc(e.Grants, func(g grant) bool {
		return g.Kind == "ROUTINE" && g.Identity == f.Identity && e.isApp(g.Grantee)
	})
}

func findTenantSettings(e *examination, f function) string {
	sets := slices.ContainsFunc(f.Config, func(c string) bool {
		name, _, _ := strings.Cut(c, "=")
		return strings.EqualFold(name, e.cat.Setting)
	})
	if !sets {
		return ""
	}
	return fmt.Sprintf("ALTER ROUTINE %s RESET %s", f.Identity, quoted(strings.Split(e.cat.Setting, ".")...))
}
