package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

type mutant struct {
	id     int
	file   string // relative to the module's root
	line   int
	fn     string
	change string
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d %s: %s", m.file, m.line, m.fn, m.change) }

// key returns the mutant's line in accepted.txt, without a line number, so that other edits do not change it.
func (m mutant) key() string { return m.file + " " + m.fn + ": " + m.change }

// edit replaces size bytes at offset with text. Edits at one offset are applied by order: those that close an
// expression, which have a negative one, come first, innermost first.
type edit struct {
	mutant       int
	offset, size int
	order        int
	text         string
}

// source finds the changes of one file.
type source struct {
	name    string
	text    string
	fset    *token.FileSet
	next    func() int
	fn      string
	results []ast.Expr // of the current function

	mutants []mutant
	edits   []edit
}

// parse finds the changes of a file. name is relative to the module's root; next returns a mutant's ID.
func parse(name string, text []byte, next func() int) (*source, error) {
	s := &source{name: name, text: string(text), fset: token.NewFileSet(), next: next}
	file, err := parser.ParseFile(s.fset, name, text, parser.ParseComments)
	if err != nil || ast.IsGenerated(file) {
		return s, err
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Body != nil {
				s.fn = receiver(d) + d.Name.Name
				s.function(d.Type, d.Body)
			}
		case *ast.GenDecl:
			s.declaration(d)
		}
	}
	return s, nil
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	of := d.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if ident, ok := of.(*ast.Ident); ok {
		return ident.Name + "."
	}
	return ""
}

func (s *source) function(typ *ast.FuncType, body *ast.BlockStmt) {
	outer := s.results
	defer func() { s.results = outer }()
	s.results = nil
	if typ.Results != nil {
		for _, field := range typ.Results.List {
			s.results = append(s.results, slices.Repeat([]ast.Expr{field.Type}, max(1, len(field.Names)))...)
		}
	}
	ast.Inspect(body, s.visit)
}

func (s *source) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncLit:
		s.function(n.Type, n.Body)
		return false
	case *ast.BlockStmt:
		s.statements(n.List)
	case *ast.CaseClause:
		s.statements(n.Body)
	case *ast.CommClause:
		s.statements(n.Body)
	case *ast.IfStmt:
		s.condition(n.Cond, true)
	case *ast.ForStmt:
		s.condition(n.Cond, false)
	case *ast.SwitchStmt:
		s.cases(n)
	case *ast.BinaryExpr:
		s.binary(n)
	case *ast.ReturnStmt:
		s.values(n)
	case *ast.BasicLit:
		s.sql(n)
	}
	return true
}

// mutant adds a change that wraps n in before, with %d for the mutant's ID, and after.
func (s *source) mutant(n ast.Node, change, before, after string) {
	m, order := s.add(n.Pos(), change), len(s.edits)+1
	s.edits = append(s.edits,
		edit{mutant: m, offset: s.offset(n.Pos()), order: order, text: fmt.Sprintf(before, m)},
		edit{mutant: m, offset: s.offset(n.End()), order: -order, text: after})
}

func (s *source) add(at token.Pos, change string) int {
	id, base := s.next(), change
	for n := 2; slices.ContainsFunc(s.mutants, func(m mutant) bool { return m.fn == s.fn && m.change == change }); n++ {
		change = fmt.Sprintf("%s (%d)", base, n) // the same change elsewhere in the function
	}
	s.mutants = append(s.mutants, mutant{
		id: id, file: s.name, line: s.fset.Position(at).Line, fn: s.fn,
		change: change,
	})
	return id
}

func (s *source) offset(p token.Pos) int { return s.fset.Position(p).Offset }

func (s *source) show(n ast.Node) string {
	return strings.Join(strings.Fields(s.text[s.offset(n.Pos()):s.offset(n.End())]), " ")
}

func (s *source) condition(cond ast.Expr, always bool) {
	if cond == nil {
		return
	}
	if always {
		s.mutant(cond, s.show(cond)+" → true", "mutated(%d) || (", ")")
	}
	s.mutant(cond, s.show(cond)+" → false", "!mutated(%d) && (", ")")
}

// cases changes a tagless switch.
func (s *source) cases(n *ast.SwitchStmt) {
	if n.Tag != nil {
		return
	}
	for _, clause := range n.Body.List {
		for _, cond := range clause.(*ast.CaseClause).List {
			s.condition(cond, true)
		}
	}
}

// operators maps an operator to its replacement and the function that implements both.
var operators = map[token.Token]struct{ becomes, call string }{
	token.LSS: {"<=", "less"}, token.LEQ: {"<", "atMost"}, token.GTR: {">=", "greater"}, token.GEQ: {">", "atLeast"},
	token.LAND: {"||", "both"}, token.LOR: {"&&", "either"},
}

func (s *source) binary(n *ast.BinaryExpr) {
	op, ok := operators[n.Op]
	if !ok {
		return
	}
	between, after := ", ", ")"
	if isLogical(n) { // the right side is not always evaluated
		between, after = ", func() bool { return (", ") })"
	}
	s.mutant(n, s.show(n.X)+" "+n.Op.String()+" → "+op.becomes+" "+s.show(n.Y), op.call+"(%d, ", after)
	id := s.mutants[len(s.mutants)-1].id
	s.edits = append(s.edits, edit{mutant: id, offset: s.offset(n.OpPos), size: len(n.Op.String()), text: between})
	if isLogical(n) {
		s.operand(n.Op, n.X)
		s.operand(n.Op, n.Y)
	}
}

func isLogical(e ast.Expr) bool {
	n, ok := ast.Unparen(e).(*ast.BinaryExpr)
	return ok && (n.Op == token.LAND || n.Op == token.LOR)
}

func (s *source) operand(op token.Token, e ast.Expr) {
	switch {
	case isLogical(e): // visited separately
	case op == token.LAND:
		s.mutant(e, s.show(e)+" → true", "mutated(%d) || (", ")")
	default:
		s.mutant(e, s.show(e)+" → false", "!mutated(%d) && (", ")")
	}
}

func (s *source) statements(list []ast.Stmt) {
	for _, n := range list {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if _, call := n.Rhs[0].(*ast.CallExpr); n.Tok == token.DEFINE || !call && s.show(n.Lhs[0]) == "_" {
				continue
			}
		case *ast.ExprStmt:
			if strings.HasPrefix(s.show(n), "panic(") { // may terminate the function
				continue
			}
		case *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
		default:
			continue
		}
		s.mutant(n, "without "+s.show(n), "if !mutated(%d) { ", " }")
	}
}

func (s *source) values(n *ast.ReturnStmt) {
	if len(n.Results) != len(s.results) {
		return
	}
	for i, value := range n.Results {
		switch typ := s.show(s.results[i]); {
		case typ == "bool":
			s.mutant(value, "return !"+s.show(value), "mutated(%d) != (", ")")
		case !slices.Contains([]string{"nil", "0", `""`, strings.TrimPrefix(typ, "*") + "{}"}, s.show(value)):
			s.mutant(value, "return zero for "+s.show(value), "zero["+typ+"](%d, ", ")")
		}
	}
}

// declaration turns a single constant into a variable, so that its SQL can change.
func (s *source) declaration(d *ast.GenDecl) {
	if len(d.Specs) == 0 {
		return
	}
	s.fn = d.Tok.String()
	if spec, ok := d.Specs[0].(*ast.ValueSpec); ok {
		s.fn += " " + spec.Names[0].Name
	}
	before := len(s.mutants)
	if d.Tok == token.VAR || d.Tok == token.CONST && !d.Lparen.IsValid() {
		ast.Inspect(d, s.visit)
	}
	if d.Tok == token.CONST {
		for _, m := range s.mutants[before:] {
			s.edits = append(s.edits, edit{mutant: m.id, offset: s.offset(d.TokPos), size: len("const"), text: "var"})
		}
	}
}

// sql changes each "and" of a statement that has a where clause.
func (s *source) sql(n *ast.BasicLit) {
	if n.Kind != token.STRING || !strings.Contains(strings.ToLower(n.Value), "where ") {
		return
	}
	for at := range len(n.Value) - len(" and ") {
		if !strings.EqualFold(n.Value[at:at+5], " and ") {
			continue
		}
		changed := n.Value[:at] + " or " + n.Value[at+5:]
		words := strings.Fields(n.Value[at+5:])
		before := strings.Join(words[:min(3, len(words))], " ")
		s.mutant(n, "and → or before "+before, "pick(%d, "+strings.ReplaceAll(changed, "%", "%%")+", ", ")")
	}
}

// apply returns the text with the changes that keep selects, each behind its switch.
func (s *source) apply(keep func(mutant int) bool) string {
	slices.SortStableFunc(s.edits, func(a, b edit) int { return cmp.Or(a.offset-b.offset, a.order-b.order) })
	var out strings.Builder
	at := 0
	for _, e := range s.edits {
		if e.offset < at || !keep(e.mutant) {
			continue // before at: a repeated "var" for one "const"
		}
		out.WriteString(s.text[at:e.offset] + e.text)
		at = e.offset + e.size
	}
	return out.String() + s.text[at:]
}

// switches has the functions that changes call.
const switches = `package %s

import (
	"cmp"
	"os"
	"strconv"
)

var theMutant, _ = strconv.Atoi(os.Getenv(%q))

func mutated(n int) bool { return n == theMutant }

func less[T cmp.Ordered](n int, a, b T) bool    { return a < b || mutated(n) && a == b }
func greater[T cmp.Ordered](n int, a, b T) bool { return a > b || mutated(n) && a == b }
func atMost[T cmp.Ordered](n int, a, b T) bool  { return a < b || !mutated(n) && a == b }
func atLeast[T cmp.Ordered](n int, a, b T) bool { return a > b || !mutated(n) && a == b }

func both(n int, a bool, b func() bool) bool {
	if mutated(n) {
		return a || b()
	}
	return a && b()
}

func either(n int, a bool, b func() bool) bool {
	if mutated(n) {
		return a && b()
	}
	return a || b()
}

func pick(n int, changed, original string) string {
	if mutated(n) {
		return changed
	}
	return original
}

func zero[T any](n int, value T) T {
	if mutated(n) {
		return *new(T)
	}
	return value
}
`
