package server

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/problem"
)

func TestWriteJSONMatchesEncodingJSON(t *testing.T) {
	t.Parallel()
	types := responseTypes(t)
	var workers sync.WaitGroup
	for worker := range uint64(8) { // concurrently, because the encoder pools its buffers
		workers.Go(func() {
			for seed := range uint64(250) {
				assertSameOutputs(t, types, 250*worker+seed, "")
			}
		})
	}
	workers.Wait()
	for _, text := range oddTexts() {
		assertSameOutputs(t, types, 1, text)
	}
	for _, v := range []any{
		nil, math.NaN(), math.Inf(-1), math.Copysign(0, -1), 1e-7, 1e21, float32(1e-7), uint64(math.MaxUint64), int64(math.MinInt64),
		json.Number("1e400"), json.Number("x"), json.RawMessage(nil), json.RawMessage(`{"a":1}{`), FreeObject(nil), FreeObject("{"),
		[]byte("<&>"), []byte(nil),
		map[int]string{10: "", 2: ""},
		map[string]any(nil), func() {}, make(chan int), new(*int),
		map[string]any{"b": []any{nil, 1e20, "<"}, "a\u2028": map[string]any{"\xff": math.Inf(1)}},
		openAPI(t),
	} {
		assertSameOutput(t, v)
	}
}

// TestEmbeddedTypesAreDocumented: huma ignores embedded types that are not exported, and encoding/json does not.
func TestEmbeddedTypesAreDocumented(t *testing.T) {
	t.Parallel()
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(v reflect.Type) {
		if seen[v] {
			return
		}
		seen[v] = true
		switch v.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(v.Elem())
		case reflect.Struct:
			for field := range v.Fields() {
				assert.False(t, field.Anonymous && !field.IsExported(), "%s in %s", field.Name, v)
				if field.IsExported() {
					walk(field.Type)
				}
			}
		default:
		}
	}
	for _, answer := range responseTypes(t) {
		walk(answer)
	}
	require.Greater(t, len(seen), 20)
}

func FuzzAnswers(f *testing.F) {
	types := responseTypes(f)
	for seed, text := range oddTexts() {
		f.Add(uint64(seed), text)
	}
	f.Fuzz(func(t *testing.T, seed uint64, text string) { assertSameOutputs(t, types, seed, text) })
}

func assertSameOutputs(t *testing.T, types []reflect.Type, seed uint64, text string) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	for _, answer := range types {
		assertSameOutput(t, generate(random, answer, text).Interface())
	}
}

func assertSameOutput(t *testing.T, v any) {
	t.Helper()
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	wantErr := encoder.Encode(v)
	got := httptest.NewRecorder()
	err := writeJSON(got, v)
	assert.Equal(t, wantErr == nil, err == nil, "%#v: %v", v, err)
	assert.Equal(t, want.String(), got.Body.String(), "%#v", v)
	if err == nil {
		assert.Equal(t, strconv.Itoa(want.Len()), got.Header().Get("Content-Length"))
	}
}

func openAPI(tb testing.TB) *huma.OpenAPI {
	tb.Helper()
	problem.Install()
	gin.SetMode(gin.ReleaseMode)
	s := &Server{}
	api := humagin.New(gin.New(), s.humaConfig())
	require.NoError(tb, s.mount(api, s.routes()))
	complete(api.OpenAPI())
	return api.OpenAPI()
}

// responseTypes returns the types of all response bodies in the document.
func responseTypes(tb testing.TB) (types []reflect.Type) {
	tb.Helper()
	document := openAPI(tb)
	seen := map[reflect.Type]bool{}
	for _, path := range document.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post, path.Patch, path.Delete} {
			if op == nil {
				continue
			}
			for _, response := range op.Responses {
				for mediaType, content := range response.Content {
					if mediaType == "application/x-ndjson" {
						continue // written by encoding/json
					}
					answer := document.Components.Schemas.TypeFromRef(content.Schema.Ref)
					require.NotNil(tb, answer, op.OperationID)
					if !seen[answer] {
						seen[answer] = true
						types = append(types, answer)
					}
				}
			}
		}
	}
	require.Greater(tb, len(types), 10)
	slices.SortFunc(types, func(a, b reflect.Type) int { return strings.Compare(a.String(), b.String()) })
	return types
}

// oddTexts are strings that encoders may treat differently.
func oddTexts() []string {
	return []string{
		"", "a<b>&c", "\u2028\u2029", "a\xffb\xc3", "\xed\xa0\x80", "\b\f\n\r\t\x00\x01\x1f\x7f", "\u00e9\U0001f600\U0010ffff", `"\/`,
		"\ufffd\ufeff", strings.Repeat("long <", 2000),
	}
}

// oddObjects are unusual JSON objects, followed by invalid ones.
func oddObjects() []string {
	return []string{
		` {"x" : [ 1e400, 12345678901234567890123.10, -0, 1E+2 ] } `, `{"b":1,"a":{"b":1,"b":2}}`, "{\"a\":\"<\u2028\"}", `{"a":"\u2028\u003c\/"}`,
		"{\"a\":\"\xff\"}", "null", "[]", "", "{", `{"a":1}{`, `{"a":01}`, "{\"a\":\"\n\"}",
	}
}

// generate returns a random value of the type, with text in some of its strings. Invalid JSON and times are rare,
// because one of them fails the whole value.
func generate(random *rand.Rand, of reflect.Type, text string) reflect.Value {
	v := reflect.New(of).Elem()
	switch {
	case of == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(generateTime(random)))
		return v
	case of.ConvertibleTo(reflect.TypeFor[json.RawMessage]()) && of.Kind() == reflect.Slice && of != reflect.TypeFor[[]byte]():
		if random.IntN(4) > 0 {
			objects := oddObjects()
			if random.IntN(10) > 0 {
				objects = objects[:6]
			}
			v.SetBytes([]byte(objects[random.IntN(len(objects))]))
		}
		return v
	}
	switch of.Kind() {
	case reflect.Struct:
		for i := range of.NumField() {
			if of.Field(i).IsExported() {
				v.Field(i).Set(generate(random, of.Field(i).Type, text))
			}
		}
	case reflect.Pointer:
		if random.IntN(3) > 0 {
			v.Set(generate(random, of.Elem(), text).Addr())
		}
	case reflect.Slice:
		if n := random.IntN(4); n > 0 {
			v.Set(reflect.MakeSlice(of, n-1, n))
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).Set(generate(random, of.Elem(), text))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(of))
		for range random.IntN(4) {
			v.SetMapIndex(generate(random, of.Key(), text), generate(random, of.Elem(), text))
		}
	case reflect.String:
		texts := append(oddTexts(), text, text)
		v.SetString(texts[random.IntN(len(texts))] + texts[random.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(random.IntN(2) == 0)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(random.Uint64()) >> random.IntN(64))
	case reflect.Uint8:
		v.SetUint(random.Uint64N(256))
	default:
		panic("no values of " + of.String())
	}
	return v
}

func generateTime(random *rand.Rand) time.Time {
	zones := []*time.Location{time.UTC, time.FixedZone("", 19800), time.FixedZone("", -3600), time.FixedZone("", 61)}
	instant := time.Unix(random.Int64N(1<<37)-1<<36, random.Int64N(1e9)).In(zones[random.IntN(len(zones))])
	switch random.IntN(50) {
	case 0:
		return time.Time{}
	case 1:
		return instant.AddDate(10_000, 0, 0)
	case 2:
		return instant.In(time.FixedZone("", 25*3600))
	case 3:
		return instant.Truncate(time.Second)
	}
	return instant
}
