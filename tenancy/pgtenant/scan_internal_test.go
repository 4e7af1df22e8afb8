package pgtenant

import (
	"database/sql"
	"math"
	"slices"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

// scannedTypes are those that scanDirect supports, and one that it does not.
var scannedTypes = []uint32{
	pgtype.TextOID, pgtype.VarcharOID, pgtype.NameOID, pgtype.JSONOID, pgtype.JSONBOID, pgtype.ByteaOID,
	pgtype.UUIDOID, pgtype.BoolOID, pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID,
	pgtype.Float8OID, pgtype.TimestamptzOID, pgtype.NumericOID,
}

// destinations have each type that scanDirect supports, with a value. The UUID is empty: its own Scan ignores NULL.
func destinations() []any {
	id := uuid.Max
	bytes, raw := []byte("old"), sql.RawBytes("old")
	n := int64(7)
	return []any{
		&sql.NullString{String: "old", Valid: true}, &bytes, &raw, new(sql.RawBytes), new(uuid.UUID), new(&id),
		&entsql.NullScanner{S: new(uuid.UUID), Valid: true}, &sql.NullBool{Bool: true, Valid: true},
		&sql.NullInt64{Int64: 7, Valid: true}, &n, &sql.NullFloat64{Float64: 7, Valid: true},
		&sql.NullTime{Time: time.Now(), Valid: true},
	}
}

// An entity may keep the UUID of an earlier row.
func TestScanMakesUUIDs(t *testing.T) {
	t.Parallel()
	kept := uuid.Max
	dest := &kept
	field := &pgconn.FieldDescription{DataTypeOID: pgtype.UUIDOID, Format: pgtype.BinaryFormatCode}
	require.True(t, scanDirect(field, make([]byte, 16), &dest))
	require.Equal(t, uuid.Nil, *dest)
	require.Equal(t, uuid.Max, kept)
}

func TestScanReturnsUTC(t *testing.T) {
	t.Parallel()
	types := pgtype.NewMap()
	for _, format := range []int16{pgtype.TextFormatCode, pgtype.BinaryFormatCode} {
		raw, err := types.Encode(pgtype.TimestamptzOID, format, time.UnixMicro(1e15), nil)
		require.NoError(t, err)
		var at time.Time
		var optional, missing *time.Time
		field := &pgconn.FieldDescription{DataTypeOID: pgtype.TimestamptzOID, Format: format}
		require.NoError(t, scan(types, field, raw, &at))
		require.NoError(t, scan(types, field, raw, &optional))
		require.NoError(t, scan(types, field, nil, &missing))
		require.Equal(t, time.UnixMicro(1e15).UTC(), at)
		require.Same(t, time.UTC, at.Location())
		require.Same(t, time.UTC, optional.Location())
		require.Nil(t, missing)
	}
}

// FuzzScanDirect compares the driver's decoding with that of pgx.
func FuzzScanDirect(f *testing.F) {
	types := pgtype.NewMap()
	id := uuid.MustParse("018f4d5e-7c3a-7c3a-8c3a-0123456789ab")
	for i, value := range []any{
		"text", "text", "text", `{"a": 1}`, `[]`, []byte("bytes"), id, true,
		int16(-7), int32(-7), int64(-7), float32(-7.5), math.Pi, time.UnixMicro(1e15), nil,
	} {
		for _, format := range []int16{pgtype.TextFormatCode, pgtype.BinaryFormatCode} {
			raw, err := types.Encode(scannedTypes[i], format, value, nil)
			require.NoError(f, err)
			f.Add(i, format, raw == nil, raw)
			f.Add(i, format, true, []byte(nil))
			f.Add(i, format, false, []byte{})
		}
	}
	f.Add(slices.Index(scannedTypes, pgtype.TimestamptzOID), int16(pgtype.BinaryFormatCode), false,
		[]byte{0x7f, 0xff, 0x30, 0, 0, 0, 0, 0}) // 294269
	f.Fuzz(func(t *testing.T, i int, format int16, null bool, raw []byte) {
		i = max(i, 0) % len(scannedTypes)
		switch {
		case null:
			raw = nil
		case raw == nil: // the fuzzer's empty slice
			raw = []byte{}
		}
		field := &pgconn.FieldDescription{Name: "c", DataTypeOID: scannedTypes[i], Format: format & 1}
		pgxs := destinations()
		for j, dest := range destinations() {
			was := slices.Clone(raw)
			if !scanDirect(field, raw, dest) {
				continue
			}
			for k := range raw {
				raw[k] ^= 0xff // the connection's buffer is reused
			}
			require.NoError(t, scan(types, field, was, pgxs[j]), "type %d into %T", field.DataTypeOID, dest)
			if n, ok := dest.(*sql.NullFloat64); ok && math.IsNaN(n.Float64) {
				n.Float64 = 0 // NaN equals nothing
				require.True(t, math.IsNaN(pgxs[j].(*sql.NullFloat64).Float64))
				pgxs[j].(*sql.NullFloat64).Float64 = 0
			}
			require.Equal(t, pgxs[j], dest, "type %d, format %d: %x", field.DataTypeOID, field.Format, was)
			copy(raw, was)
		}
	})
}
