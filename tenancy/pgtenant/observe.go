package pgtenant

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/konstruct/konstruct/tenancy"
)

// observation counts a statement or a commit, and traces it if the context is traced.
type observation struct {
	counts *counts
	span   trace.Span // nil unless traced
}

// observe begins an observation. A span begins only if ctx has a recording one, whose provider it uses. So the driver
// needs no configuration, and an untraced statement costs one context lookup.
func (d *Driver) observe(ctx context.Context, query string) observation {
	o := observation{counts: &d.counts}
	if parent := trace.SpanFromContext(ctx); parent.IsRecording() {
		o.span = startSpan(ctx, parent.TracerProvider(), query)
	}
	return o
}

// end records the outcome. It does nothing for the zero observation.
func (o observation) end(err error) {
	if o.counts == nil {
		return
	}
	i := outcomeOf(err)
	o.counts.statements[i].Add(1)
	if o.span == nil {
		return
	}
	if err != nil {
		o.span.SetStatus(codes.Error, "")
		o.span.SetAttributes(semconv.ErrorTypeKey.String(string(outcomes()[i].name)))
	}
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		o.span.SetAttributes(semconv.DBResponseStatusCode(db.Code))
	}
	o.span.End()
}

// startSpan begins the span of a statement. It has the statement's operation and table, but no text: hand-written SQL
// can contain values.
func startSpan(ctx context.Context, provider trace.TracerProvider, query string) trace.Span {
	operation, table := summarize(query)
	attributes := []attribute.KeyValue{semconv.DBSystemNamePostgreSQL, semconv.DBOperationName(operation)}
	name := operation
	if table != "" {
		name += " " + table
		attributes = append(attributes, semconv.DBCollectionName(table))
	}
	if tenant, err := tenancy.From(ctx); err == nil {
		attributes = append(attributes, attribute.String("konstruct.tenant.id", tenant.String()))
	}
	//nolint:spancheck // observation.end ends it
	_, span := provider.Tracer("github.com/konstruct/konstruct/tenancy/pgtenant").Start(ctx, name,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	return span //nolint:spancheck // as above
}

// summarize returns the first word of a statement in upper case, and the table after its first FROM, INTO or UPDATE
// outside of parentheses, or "". A name in a comment or a constant can be mistaken for the table.
func summarize(query string) (operation, table string) {
	operation = strings.ToUpper(keyword(query))
	depth, previous := 0, ""
	for word := range strings.FieldsSeq(query) {
		switch {
		case depth > 0:
		case strings.EqualFold(previous, "from"), strings.EqualFold(previous, "into"),
			strings.EqualFold(previous, "update"):
			if name := strings.Trim(word, `";,`); keyword(name) == name {
				table = name
			}
			return operation, table
		}
		depth += strings.Count(word, "(") - strings.Count(word, ")")
		previous = word
	}
	return operation, ""
}
