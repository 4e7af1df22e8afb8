package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/problem"
	"github.com/konstruct/konstruct/tenancy"
)

// The limits of an export. An export that reaches one says how to go on.
const (
	exportPage = 1_000 // events a statement
	exportRows = 1_000_000
	exportTime = 15 * time.Second // before requestTimeout, so that the trailer can be written
)

const ndjson = "application/x-ndjson"

// exportAction is the action of the event that an export adds.
const exportAction = "export-audit-events"

// exportTrailer is the last line of a complete response.
type exportTrailer struct {
	Type       string `json:"type" enum:"trailer"`
	Count      int    `json:"count" format:"int32" doc:"Number of events in this response."`
	Complete   bool   `json:"complete" doc:"Whether the response has the last event."`
	NextCursor string `json:"next_cursor,omitempty" doc:"Cursor to continue with, if the response is not complete."`
}

// ExportEventsInput selects the events of an export.
type ExportEventsInput struct {
	AuditFilterInput

	Cursor string `query:"cursor" maxLength:"1110" doc:"The next_cursor of the trailer of a response that was not complete."`

	head bool
}

// Resolve implements [huma.Resolver]. A HEAD request has no rows to export.
func (in *ExportEventsInput) Resolve(ctx huma.Context) []error {
	in.head = ctx.Method() == http.MethodHead
	return nil
}

type exportTenantEventsInput struct {
	TenantPathInput
	ExportEventsInput
}

type exportOutput struct{ Body func(huma.Context) }

func (s *Server) exportTenantEvents(ctx context.Context, in *exportTenantEventsInput) (*exportOutput, error) {
	return s.exportEvents(ctx, &in.ExportEventsInput)
}

// exportEvents streams the events of the context's tenant, or of the platform.
func (s *Server) exportEvents(ctx context.Context, in *ExportEventsInput) (*exportOutput, error) {
	if in.head {
		return &exportOutput{Body: startExport}, nil
	}
	tenant, _ := tenancy.From(ctx) // zero for the platform
	release, err := s.exports.begin(tenant)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, release) // also if huma does not call the body
	next := func(cursor string) (operation.List[operation.Event], error) {
		return s.events.List(ctx, operation.Page{Limit: exportPage, Cursor: cursor}, in.filter())
	}
	first, err := s.beginExport(ctx, in, next)
	if err != nil {
		release()
		return nil, err
	}
	started := s.clock()
	more := func(count int) bool { return count < exportRows && s.clock().Sub(started) < exportTime }
	return &exportOutput{Body: func(c huma.Context) {
		defer release()
		startExport(c)
		err := writeExport(c.BodyWriter(), first, next, more, eventViewer(ctx))
		if err == nil {
			return
		}
		if !errors.Is(err, context.Canceled) { // the client disconnected
			s.warn(ctx, "an export of the audit log was aborted", err)
		}
		panic(http.ErrAbortHandler) // a response without its end must not look complete
	}}, nil
}

// beginExport records the export and reads the first page, while an error can still be a problem.
func (s *Server) beginExport(
	ctx context.Context, in *ExportEventsInput, next func(cursor string) (operation.List[operation.Event], error),
) (operation.List[operation.Event], error) {
	requestOf(ctx).note(slog.Any("filters", givenFilters(in.AuditFilterInput)))
	if err := s.record(ctx, exportAction); err != nil {
		return operation.List[operation.Event]{}, err
	}
	return next(in.Cursor)
}

func startExport(c huma.Context) {
	c.SetHeader("Content-Type", ndjson)
	c.SetStatus(http.StatusOK)
}

// writeExport writes the pages that more allows, given the number of events so far, and the trailer.
func writeExport(
	response io.Writer, page operation.List[operation.Event],
	next func(cursor string) (operation.List[operation.Event], error), more func(count int) bool,
	view func(operation.Event) auditEventView,
) error {
	w := bufio.NewWriter(response)
	for count := 0; ; {
		for _, event := range page.Items {
			if err := writeJSON(w, view(event)); err != nil {
				return err
			}
		}
		count += len(page.Items)
		if page.Next == "" || !more(count) {
			err := writeJSON(w, exportTrailer{"trailer", count, page.Next == "", page.Next})
			return errors.Join(err, w.Flush())
		}
		if err := w.Flush(); err != nil {
			return err
		}
		var err error
		if page, err = next(page.Next); err != nil {
			return err
		}
	}
}

// givenFilters returns the names of the filters in use.
func givenFilters(in AuditFilterInput) []string {
	names := []string{}
	for i, value := 0, reflect.ValueOf(in); i < value.NumField(); i++ {
		if !value.Field(i).IsZero() {
			names = append(names, value.Type().Field(i).Tag.Get("query"))
		}
	}
	return names
}

// exports are the running exports of this server, at most [operation.MaxExports] of a tenant, and of the platform.
type exports struct {
	mu      sync.Mutex
	running map[tenancy.ID]int
}

// begin returns the function that ends the export, or a problem if one is running.
func (e *exports) begin(tenant tenancy.ID) (release func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running[tenant] >= operation.MaxExports {
		return nil, problem.New(problem.CodeLimitReached).
			WithDetail("An export of this audit log is running; retry when it has ended.")
	}
	if e.running == nil {
		e.running = map[tenancy.ID]int{}
	}
	e.running[tenant]++
	return sync.OnceFunc(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.running[tenant]--
		if e.running[tenant] == 0 {
			delete(e.running, tenant)
		}
	}), nil
}

// exporting documents the lines of an export, which huma cannot derive.
func exporting(r route) route {
	register := r.register
	r.register = func(s *Server, api huma.API, op huma.Operation, r route) {
		schemas := api.OpenAPI().Components.Schemas
		op.Responses = map[string]*huma.Response{"200": {
			Description: "The events, one per line, and a trailer",
			Content: map[string]*huma.MediaType{ndjson: {Schema: &huma.Schema{OneOf: []*huma.Schema{
				schemas.Schema(reflect.TypeFor[auditEventView](), true, ""),
				schemas.Schema(reflect.TypeFor[exportTrailer](), true, "AuditExportTrailer"),
			}}}},
		}}
		register(s, api, op, r)
	}
	return r.errors(http.StatusConflict).
		description("Streams the events as NDJSON, the newest first. The last line is a trailer, " +
			"`{\"type\": \"trailer\", \"count\": 2, \"complete\": true}`; a response without it was cut off. If " +
			"complete is false, the response reached the limit of a million events or of 15 seconds: continue with " +
			"its next_cursor as cursor and the same filters. Returns 409 while another export of the log is running. " +
			"The export is recorded in the log.")
}
