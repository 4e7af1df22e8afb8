package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// errMoved is returned when a saboteur does not fit the source.
var errMoved = errors.New("the protection has moved, update the saboteur")

// edit replaces a text that occurs exactly once in a file, whose path is relative to the module.
type edit struct{ file, find, replace string }

var conditional = regexp.MustCompile(`^(if .*; |if |case )(.*)( \{|:)$`)

// never edits an if or a case so that its condition is false.
func never(file, text string) []edit {
	return []edit{{file, text, conditional.ReplaceAllString(text, "${1}false && ($2)$3")}}
}

// apply returns the edited files by path.
func apply(root string, edits ...edit) (map[string]string, error) {
	changed := make(map[string]string)
	for _, e := range edits {
		path := filepath.Join(root, filepath.FromSlash(e.file))
		text, ok := changed[path]
		if !ok {
			read, err := os.ReadFile(path) //nolint:gosec // a path of the table
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errMoved, err)
			}
			text = string(read)
		}
		if n := strings.Count(text, e.find); n != 1 {
			return nil, fmt.Errorf("%w: %s has %d times, and not once: %s", errMoved, e.file, n, e.find)
		}
		changed[path] = strings.Replace(text, e.find, e.replace, 1)
	}
	return changed, nil
}

// overlay writes the changed files to folder, and returns the path for `go test -overlay`.
func overlay(folder string, changed map[string]string) (string, error) {
	replace := make(map[string]string, len(changed))
	for path, text := range changed {
		// The go command needs the extension.
		copied := filepath.Join(folder, strconv.Itoa(len(replace))+"_"+filepath.Base(path))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[path] = copied
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(folder, "overlay.json")
	return file, os.WriteFile(file, list, 0o600)
}
