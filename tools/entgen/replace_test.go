package main

import (
	"strings"
	"testing"
)

const generated = `package ent

import (
	"context"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
)

func create(ctx context.Context) error { return sqlgraph.CreateNode(ctx, nil, nil) }

func update(ctx context.Context) error { return sqlgraph.UpdateNode(ctx, nil, nil) }

var _ = field.TypeInt
`

const replaced = `package ent

import (
	"context"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
	"github.com/konstruct/konstruct/tenancy/pgtenant/returning"
)

func create(ctx context.Context) error { return returning.CreateNode(ctx, nil, nil) }

func update(ctx context.Context) error { return returning.UpdateNode(ctx, nil, nil) }

var _ = field.TypeInt
`

func TestReplace(t *testing.T) {
	t.Parallel()
	const path = "github.com/konstruct/konstruct/tenancy/pgtenant/returning"
	source := []byte(generated)
	for _, r := range []replacement{
		{old: "sqlgraph.CreateNode(", new: "returning.CreateNode(", path: path},
		{old: "sqlgraph.UpdateNode(", new: "returning.UpdateNode(", path: path},
	} {
		var err error
		if source, err = r.replace(source); err != nil {
			t.Fatal(err)
		}
	}
	if string(source) != replaced {
		t.Errorf("the source became\n%s", source)
	}
}

func TestReplaceRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		r    replacement
		want string
	}{
		{"a missing call", replacement{old: "sqlgraph.CountNodes(", new: "x("}, "occurs 0 times"},
		{"a call that occurs twice", replacement{old: "sqlgraph.", new: "x."}, "occurs 2 times"},
		{"a result that is not Go", replacement{old: "sqlgraph.CreateNode(", new: "(("}, "expected"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := tt.r.replace([]byte(generated)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}
