package pgtenant

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeyword(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"select 1":                        "select",
		"SELECT(1)":                       "SELECT",
		" \t\r\n\f\v;;((Insert into t":    "Insert",
		"-- one\n-- two\rupdate t":        "update",
		"/* a /* nested */ copy */delete": "delete",
		"/**/copy":                        "copy",
		"copyright":                       "copyright",
		"copy_1 x":                        "copy_1",
		"copyé":                           "copyé",
		"copy(select 1) to stdout":        "copy",
		`"copy" x`:                        "",
		"-- select":                       "",
		"/* select":                       "",
		"/* /* */ select":                 "",
		"/":                               "",
		"-":                               "",
		"":                                "",
	} {
		require.Equal(t, want, keyword(query), query)
	}
}

func TestMayWrite(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{
		"select 1":              false,
		"(select 1)":            false,
		"/* read */ SELECT 1":   false,
		"selection":             true,
		"with w as (select 1)":  true,
		"(with w as (select 1)": true,
		"insert into t":         true,
		"values (1)":            true,
		"":                      true,
	} {
		require.Equal(t, want, mayWrite(query), query)
	}
}

func FuzzKeyword(f *testing.F) {
	f.Add("/* a /* b */ */ -- c\n ;( select 1")
	f.Fuzz(func(t *testing.T, query string) {
		word := keyword(query)
		require.LessOrEqual(t, len(skipToWord(query)), len(query))
		require.Equal(t, word, keyword(" ;( -- x\n/* y */"+query))
	})
}
