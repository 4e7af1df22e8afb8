package repository_test

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// tree is the text of every tracked file, by path.
type tree map[string]string

// checks find statements that are not true of the repository. Each finds the fault planted in its file.
var checks = map[string]struct {
	find        func(files tree, report func(file, text string))
	file, fault string
}{
	"Markdown names tests, identifiers and paths that exist": {names, "docs/x.md", "`TestNoSuchThing`, `tenancy.NoSuch`, `tenancy/nosuch.go`"},
	"Markdown names tasks, commands and flags that exist":    {commands, "docs/x.md", "```sh\ntask nosuch\nkonstruct nosuchcommand\nkonstruct serve --nosuchflag\n```"},
	"environment variables are read":                         {variables, "docs/x.md", "KONSTRUCT_NO_" + "SUCH"},
	"links lead to files and headings that exist":            {links, "docs/x.md", "[a](nosuch.md), `b`, [c](testing.md#nosuch)"},
	"nolint names linters that are enabled":                  {linters, "x.go", "package x //no" + "lint:varnamelen"},
	"patterns of config files match":                         {patterns, ".gitattributes", "/nosuch/** linguist-generated"},
	"pinned tools are used":                                  {tools, "tools/go.mod", "tool (\n\texample.test/nosuch\n)\n"},
	"words are plain":                                        {words, "x.go", "package x // nob" + "ody"},
	"Markdown wraps at 100":                                  {lines, "docs/x.md", strings.Repeat("word ", 25)},
}

func TestStatementsAreTrue(t *testing.T) {
	t.Parallel()
	files := tracked(t)
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var found []string
			check.find(files, func(file, text string) { found = append(found, file+": "+text) })
			slices.Sort(found)
			require.Empty(t, strings.Join(slices.Compact(found), "\n"))

			planted := maps.Clone(files)
			planted[check.file] = check.fault
			faults := 0
			check.find(planted, func(string, string) { faults++ })
			require.GreaterOrEqual(t, faults, 1+strings.Count(check.fault, "\nkonstruct")+strings.Count(check.fault, ", `"))
		})
	}
}

// tracked reads the files that were written by hand.
func tracked(t *testing.T) tree {
	t.Helper()
	root := strings.TrimSpace(output(t, "git", "rev-parse", "--show-toplevel"))
	files := tree{}
	for file := range strings.FieldsSeq(output(t, "git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard")) {
		text, err := os.ReadFile(path.Join(root, file))
		if err == nil && utf8.Valid(text) {
			files[file] = string(text)
		}
	}
	require.Contains(t, files, "go.mod")
	return files
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	require.NoError(t, err)
	return string(out)
}

var (
	generated   = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT`)
	fence       = regexp.MustCompile("(?s)```.*?\n *```")
	quoted      = regexp.MustCompile("`([^`\n]+)`")
	inCode      = regexp.MustCompile("(?s)```.*?\n *```|`[^`\n]+`")
	link        = regexp.MustCompile(`\]\(([\w./-]*)(?:#([\w-]+))?\)`)
	heading     = regexp.MustCompile(`(?m)^#+ (.*)$`)
	test        = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w*$`)
	selector    = regexp.MustCompile(`^([a-z]\w*)\.([A-Z]\w*)`)
	task        = regexp.MustCompile(`\btask ([a-z]+(?::[a-z_]+)*)(?:[^\w:.-]|$)`)
	command     = regexp.MustCompile(`\bkonstruct ([a-z]+)([^\n` + "`" + `|;#]*)`)
	flag        = regexp.MustCompile(` --?([a-z][a-z-]+)`)
	variable    = regexp.MustCompile(`\bKONSTRUCT_[A-Z_]*[A-Z]\b`)
	punctuation = regexp.MustCompile(`[^\w -]`)
	nolint      = regexp.MustCompile(`//nolint:([a-z0-9,_]+)`)
	// The brackets keep the pattern from finding itself.
	slang = regexp.MustCompile(`(?i)\b(nobod[y]|whoeve[r]|ane[w]|men[d]|mende[d]|men[d]s|one's ow[n]|as who[m]|is non[e]|for eve[r])\b`)
	user  = regexp.MustCompile("(?i)(user|account|\") ?nobod[y]|nobod[y]\"") //nolint:gocritic // as above; the system's user
)

// source returns the text of all files but Markdown.
func (files tree) source() string {
	var b strings.Builder
	for file, text := range files {
		if !strings.HasSuffix(file, ".md") && !strings.HasPrefix(file, "integration/repository/") {
			b.WriteString(text)
		}
	}
	return b.String()
}

// exists reports whether a file or folder is tracked. A pattern ends with a star.
func (files tree) exists(name string) bool {
	prefix, star := strings.CutSuffix(strings.TrimRight(name, "/"), "*")
	for file := range files {
		if file == prefix || strings.HasPrefix(file, prefix+"/") || star && strings.HasPrefix(file, prefix) {
			return true
		}
	}
	return false
}

// pages calls do with the Markdown files. CHANGELOG.md speaks of the past.
func (files tree) pages(do func(file, text string)) {
	for file, text := range files {
		if strings.HasSuffix(file, ".md") && file != "CHANGELOG.md" {
			do(file, text)
		}
	}
}

func names(files tree, report func(file, text string)) {
	source := files.source()
	files.pages(func(file, text string) {
		for _, m := range quoted.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			name := m[1]
			sel := selector.FindStringSubmatch(name)
			top, _, isPath := strings.Cut(name, "/")
			switch {
			case test.MatchString(name) && !strings.Contains(source, "func "+name+"("),
				len(sel) > 2 && strings.Contains(source, "\npackage "+sel[1]+"\n") && !regexp.MustCompile(`\b`+sel[2]+`\b`).MatchString(source),
				isPath && !strings.ContainsAny(name, " <>{}$…:*") && files.exists(top) && !files.exists(name) && !files.exists(path.Join(path.Dir(file), name)):
				report(file, name)
			}
		}
	})
}

func commands(files tree, report func(file, text string)) {
	source, tasks := files.source(), files["Taskfile.yml"]
	files.pages(func(file, text string) {
		code := strings.Join(inCode.FindAllString(text, -1), "\n")
		for _, m := range task.FindAllStringSubmatch(code, -1) {
			if !strings.Contains(tasks, "\n  "+m[1]+":") {
				report(file, m[0])
			}
		}
		for _, m := range command.FindAllStringSubmatch(code, -1) {
			if !strings.Contains(source, `"`+m[1]+`"`) {
				report(file, m[0])
			}
			for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
				if !strings.Contains(source, `"`+f[1]+`"`) {
					report(file, m[0])
				}
			}
		}
	})
}

func variables(files tree, report func(file, text string)) {
	source := files.source()
	files.pages(func(file, text string) {
		for _, name := range variable.FindAllString(text, -1) {
			if !strings.Contains(source, name) {
				report(file, name)
			}
		}
	})
}

func links(files tree, report func(file, text string)) {
	files.pages(func(file, text string) {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			target := file
			if m[1] != "" {
				target = path.Join(path.Dir(file), m[1])
			}
			page := fence.ReplaceAllString(files[target], "")
			if !files.exists(target) || m[2] != "" && !strings.Contains(page, `<a id="`+m[2]+`">`) && !slices.ContainsFunc(
				heading.FindAllStringSubmatch(page, -1), func(h []string) bool { return anchor(h[1]) == m[2] }) {
				report(file, m[0])
			}
		}
	})
}

// anchor returns the id that GitHub gives a heading.
func anchor(heading string) string {
	return strings.ReplaceAll(punctuation.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

func linters(files tree, report func(file, text string)) {
	disabled, _, _ := strings.Cut(files[".golangci.yml"], "\n  settings:")
	for file, text := range files {
		for _, m := range nolint.FindAllStringSubmatch(text, -1) {
			for name := range strings.SplitSeq(m[1], ",") {
				if regexp.MustCompile(`(?m)^    - ` + name + `( |$)`).MatchString(disabled) {
					report(file, name)
				}
			}
		}
	}
}

func patterns(files tree, report func(file, text string)) {
	for _, m := range regexp.MustCompile(`(?m)^/(\S+?)(/\*\*)? `).FindAllStringSubmatch(files[".gitattributes"], -1) {
		if !files.exists(m[1]) {
			report(".gitattributes", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`path: '?\^\(?([a-z|/-]+)\)?/`).FindAllStringSubmatch(files[".golangci.yml"], -1) {
		for folder := range strings.SplitSeq(m[1], "|") {
			if !files.exists(folder) && !files.exists(path.Dir(folder)) {
				report(".golangci.yml", folder)
			}
		}
	}
}

func tools(files tree, report func(file, text string)) {
	_, list, _ := strings.Cut(files["tools/go.mod"], "tool (\n")
	list, _, _ = strings.Cut(list, ")")
	uses := strings.ReplaceAll(files["Taskfile.yml"], "for: [", "") + files["docs/performance.md"] + files["integration/plainent/generate.go"]
	for tool := range strings.FieldsSeq(list) {
		if !regexp.MustCompile(`(tools/go.mod |TOOL}} |/cmd/)`+path.Base(tool)+` `).MatchString(uses) && path.Base(tool) != "task" {
			report("tools/go.mod", tool)
		}
	}
}

// unrevised are files with words that are not replaced yet.
const unrevised = `^(local/|tenancy/(attack|pgtenant)/|tenancy/\w+\.go|integration/(fixture/fixture_test|isolation/doc)\.go)`

func words(files tree, report func(file, text string)) {
	for file, text := range files {
		if generated.MatchString(text) || strings.HasPrefix(file, "integration/repository/") || strings.Contains(file, "testdata/") ||
			regexp.MustCompile(unrevised).MatchString(file) {
			continue
		}
		for line := range strings.Lines(text) {
			if m := slang.FindString(user.ReplaceAllString(line, "")); m != "" {
				report(file, strings.TrimSpace(line))
			}
		}
	}
}

// lines leaves out tables, headings, comments and links, which cannot be wrapped.
func lines(files tree, report func(file, text string)) {
	files.pages(func(file, text string) {
		for line := range strings.Lines(fence.ReplaceAllString(text, "")) {
			line = strings.TrimRight(line, "\n")
			if utf8.RuneCountInString(line) > 100 && !strings.ContainsAny(line[:1], "|#<") && !strings.Contains(line, "](") {
				report(file, line)
			}
		}
	})
	if config := files[".editorconfig"]; !strings.Contains(config, "\nmax_line_length = 120\n") || !strings.Contains(config, "[*.md]\nmax_line_length = 100\n") {
		report(".editorconfig", "the limits are 120 for code and 100 for prose")
	}
}
