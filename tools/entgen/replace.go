package main

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"strconv"

	"entgo.io/ent/entc/gen"
)

// replacement replaces a call in Ent's generated code, where no template can.
type replacement struct {
	file string // the suffix of the file's name; each entity has one such file
	old  string // the code to replace; it occurs once in the file
	new  string
	path string // the package to import for new, or empty
}

// anchor is an import of all these files, after which the new one is added.
const anchor = `"entgo.io/ent/dialect/sql/sqlgraph"`

// replaceCalls returns a hook that applies the replacements to Ent's generated files. It fails if a call is not found
// exactly once, as when an update of Ent has changed its templates.
func replaceCalls(replacements []replacement) gen.Hook {
	return func(next gen.Generator) gen.Generator {
		return gen.GenerateFunc(func(g *gen.Graph) error {
			if err := next.Generate(g); err != nil {
				return err
			}
			for _, node := range g.MutableNodes() {
				for _, r := range replacements {
					if err := r.apply(filepath.Join(g.Target, node.PackageDir()+r.file)); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
}

func (r replacement) apply(name string) error {
	source, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	source, err = r.replace(source)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, source, 0o644)
}

// replace returns the formatted source with the call replaced and the import added.
func (r replacement) replace(source []byte) ([]byte, error) {
	source, err := replaceOnce(source, r.old, r.new)
	if err != nil {
		return nil, err
	}
	if path := strconv.Quote(r.path); r.path != "" && !bytes.Contains(source, []byte(path)) {
		if source, err = replaceOnce(source, anchor, anchor+"\n\t"+path); err != nil {
			return nil, err
		}
	}
	return format.Source(source)
}

func replaceOnce(source []byte, before, after string) ([]byte, error) {
	if n := bytes.Count(source, []byte(before)); n != 1 {
		return nil, fmt.Errorf("%q occurs %d times, want once", before, n)
	}
	return bytes.Replace(source, []byte(before), []byte(after), 1), nil
}
