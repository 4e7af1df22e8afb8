package server

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/problem"
)

// versionBase keeps entity tags short.
const versionBase = 36

// etag returns the entity tag of a row's version (RFC 9110, section 8.8.3).
func etag(updatedAt time.Time) string {
	tag := append(make([]byte, 0, 16), '"') // on the stack, because a list has one per row
	tag = strconv.AppendInt(tag, updatedAt.UnixMicro(), versionBase)
	return string(append(tag, '"'))
}

// IfMatchInput is the If-Match header of an update or a deletion.
type IfMatchInput struct {
	IfMatch string `header:"If-Match" maxLength:"1000" doc:"ETag of the expected version, weak or strong, or * for any version." example:"\"2ok5gyv0i0w\""`
}

// required returns the match of an update. A missing header is 428 (RFC 6585, section 3), but a missing resource is
// 404.
func required[ID, T any](
	ctx context.Context, m IfMatchInput, id ID, get func(context.Context, ID) (T, error),
) (operation.Match, error) {
	if m.IfMatch != "" {
		return m.optional(), nil
	}
	if _, err := get(ctx, id); err != nil {
		return operation.Match{}, err
	}
	return operation.Match{}, problem.New(problem.CodePreconditionRequired)
}

// optional returns the match of a deletion. Foreign tags match no version.
func (m IfMatchInput) optional() operation.Match {
	if value := strings.TrimSpace(m.IfMatch); value == "" || value == "*" {
		return operation.Match{}
	}
	return operation.MatchVersions(versions(m.IfMatch)...)
}

// IfNoneMatchInput is the If-None-Match header of a read.
type IfNoneMatchInput struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"1000" doc:"ETag of a cached version. Returns 304 if it is current." example:"\"2ok5gyv0i0w\""`
}

// notModified returns a 304 if the client has the current version.
func (m IfNoneMatchInput) notModified(updatedAt time.Time) error {
	if strings.TrimSpace(m.IfNoneMatch) == "*" || slices.ContainsFunc(versions(m.IfNoneMatch), updatedAt.Equal) {
		return problem.NotModified(etag(updatedAt))
	}
	return nil
}

func versions(tags string) (versions []time.Time) {
	for tag := range strings.SplitSeq(tags, ",") {
		if version, ok := parseETag(strings.TrimSpace(tag)); ok {
			versions = append(versions, version)
		}
	}
	return versions
}

// compressed is the suffix that Apache adds to the tag of a response that it compresses.
var compressed = regexp.MustCompile(`[-;](gzip|br|deflate|zstd)"$`)

// parseETag parses a tag of [etag], also if a compressing proxy weakened or extended it. A tag names the row's version
// and not the bytes, so weak comparison is safe although RFC 9110 requires a strong one for If-Match.
func parseETag(tag string) (time.Time, bool) {
	tag = compressed.ReplaceAllString(strings.TrimPrefix(tag, "W/"), `"`)
	if len(tag) < 3 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return time.Time{}, false
	}
	micros, err := strconv.ParseInt(tag[1:len(tag)-1], versionBase, 64)
	version := time.UnixMicro(micros).UTC()
	// A version has exactly one tag, in the range of PostgreSQL's timestamps. Imported rows may have the epoch.
	if err != nil || etag(version) != tag || version.Year() < 1970 || version.Year() > 9999 {
		return time.Time{}, false
	}
	return version, true
}
