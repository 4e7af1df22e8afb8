package pgtenant

import (
	"bytes"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

const jsonbVersion = 1

// postgresEpoch is 2000-01-01, the zero of a binary timestamptz, in microseconds since 1970.
const postgresEpoch = 946_684_800_000_000

// scanDirect reads one column into dest, and reports whether it supports the types. It supports nearly all that Ent
// uses.
func scanDirect(field *pgconn.FieldDescription, raw []byte, dest any) bool {
	switch field.Format {
	case pgtype.BinaryFormatCode:
		return scanBinary(field.DataTypeOID, raw, dest)
	case pgtype.TextFormatCode:
		return scanVerbatim(field.DataTypeOID, raw, dest)
	}
	return false
}

// The range of timestamptz decoded here, in microseconds since 2000-01-01: from PostgreSQL's first, 4714-11-24 BC, to
// the last of time.UnixMicro, in 292277. The infinities are outside.
const (
	firstTimestamp = -211_813_488_000_000_000
	lastTimestamp  = math.MaxInt64 - postgresEpoch
)

// scan reads one column into dest as pgx does, but times in UTC, or as database/sql does if dest is untyped. dest may
// keep raw.
func scan(types *pgtype.Map, field *pgconn.FieldDescription, raw []byte, dest any) error {
	if err := scanAny(types, field, raw, dest); err != nil {
		// The cause repeats the value.
		return fmt.Errorf("%w: column %q (type %d) into %T", ErrScan, field.Name, field.DataTypeOID, dest)
	}
	return nil
}

func scanVerbatim(oid uint32, raw []byte, dest any) bool {
	switch d := dest.(type) {
	case *sql.NullString:
		return scanText(oid, raw, d)
	case *[]byte, *sql.RawBytes:
		return (oid == pgtype.JSONBOID || oid == pgtype.JSONOID) && setBytes(d, raw)
	case *uuid.UUID:
		// uuid.UUID's own Scan ignores NULL.
		return raw == nil && scanUUID(oid, raw, d)
	}
	return false
}

func scanBinary(oid uint32, raw []byte, dest any) bool {
	switch d := dest.(type) {
	case *sql.NullString:
		return scanText(oid, raw, d)
	case *uuid.UUID:
		return scanUUID(oid, raw, d)
	case *sql.NullTime:
		return scanTime(oid, raw, d)
	case **uuid.UUID:
		return scanUUIDPointer(oid, raw, d)
	case *[]byte, *sql.RawBytes:
		return scanBytes(oid, raw, d)
	case *sql.NullBool:
		if oid != pgtype.BoolOID || raw != nil && len(raw) != 1 {
			return false
		}
		*d = sql.NullBool{Bool: len(raw) == 1 && raw[0] == 1, Valid: raw != nil}
		return true
	case *sql.NullFloat64:
		return scanFloat(oid, raw, d)
	case *sql.NullInt64:
		var valid bool
		d.Int64, valid = integer(oid, raw)
		d.Valid = valid
		return valid || raw == nil && isInteger(oid)
	case *int64:
		n, valid := integer(oid, raw)
		if valid {
			*d = n
		}
		return valid
	case *entsql.NullScanner:
		id, ok := d.S.(*uuid.UUID)
		d.Valid = raw != nil
		return ok && scanUUID(oid, raw, id)
	}
	return false
}

func scanText(oid uint32, raw []byte, d *sql.NullString) bool {
	switch oid {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.JSONOID, pgtype.NameOID:
		*d = sql.NullString{String: string(raw), Valid: raw != nil}
		return true
	}
	return false
}

func scanUUID(oid uint32, raw []byte, d *uuid.UUID) bool {
	if oid != pgtype.UUIDOID || raw != nil && len(raw) != len(d) {
		return false
	}
	*d = uuid.Nil
	copy(d[:], raw)
	return true
}

// scanTime leaves the infinities to pgx, which refuses them.
func scanTime(oid uint32, raw []byte, d *sql.NullTime) bool {
	if oid != pgtype.TimestamptzOID {
		return false
	}
	if raw == nil {
		*d = sql.NullTime{}
		return true
	}
	if len(raw) != 8 {
		return false
	}
	micros := int64(binary.BigEndian.Uint64(raw)) //nolint:gosec // two's complement, as the format has it
	if micros < firstTimestamp || micros > lastTimestamp {
		return false
	}
	*d = sql.NullTime{Time: time.UnixMicro(micros + postgresEpoch).UTC(), Valid: true}
	return true
}

// scanUUIDPointer allocates: the caller may keep the UUID.
func scanUUIDPointer(oid uint32, raw []byte, d **uuid.UUID) bool {
	if oid != pgtype.UUIDOID {
		return false
	}
	if raw == nil {
		*d = nil
		return true
	}
	id := new(uuid.UUID)
	*d = id
	return scanUUID(oid, raw, id)
}

// scanBytes reads JSON and bytea. See setBytes for dest.
func scanBytes(oid uint32, raw []byte, dest any) bool {
	switch {
	case raw == nil, oid == pgtype.JSONOID, oid == pgtype.ByteaOID:
		return setBytes(dest, raw)
	case oid == pgtype.JSONBOID && len(raw) > 0 && raw[0] == jsonbVersion:
		return setBytes(dest, raw[1:])
	}
	return false
}

// setBytes copies raw to a *[]byte, which the caller may keep, or a *sql.RawBytes, whose memory the next row reuses. It
// reports whether dest is one of them.
func setBytes(dest any, raw []byte) bool {
	switch d := dest.(type) {
	case *[]byte:
		*d = bytes.Clone(raw)
		return true
	case *sql.RawBytes:
		if raw == nil {
			*d = nil
			return true
		}
		if *d == nil {
			*d = sql.RawBytes{} // empty is not NULL
		}
		*d = append((*d)[:0], raw...)
		return true
	}
	return false
}

func scanFloat(oid uint32, raw []byte, d *sql.NullFloat64) bool {
	switch {
	case raw == nil && (oid == pgtype.Float8OID || oid == pgtype.Float4OID):
		*d = sql.NullFloat64{}
	case oid == pgtype.Float8OID && len(raw) == 8:
		*d = sql.NullFloat64{Float64: math.Float64frombits(binary.BigEndian.Uint64(raw)), Valid: true}
	case oid == pgtype.Float4OID && len(raw) == 4:
		*d = sql.NullFloat64{Float64: float64(math.Float32frombits(binary.BigEndian.Uint32(raw))), Valid: true}
	default:
		return false
	}
	return true
}

func isInteger(oid uint32) bool {
	return oid == pgtype.Int8OID || oid == pgtype.Int4OID || oid == pgtype.Int2OID
}

func integer(oid uint32, raw []byte) (int64, bool) {
	switch {
	case oid == pgtype.Int8OID && len(raw) == 8:
		return int64(binary.BigEndian.Uint64(raw)), true //nolint:gosec // two's complement, as the format has it
	case oid == pgtype.Int4OID && len(raw) == 4:
		return int64(int32(binary.BigEndian.Uint32(raw))), true //nolint:gosec // as above
	case oid == pgtype.Int2OID && len(raw) == 2:
		return int64(int16(binary.BigEndian.Uint16(raw))), true //nolint:gosec // as above
	}
	return 0, false
}

func scanAny(types *pgtype.Map, field *pgconn.FieldDescription, raw []byte, dest any) error {
	if value, ok := dest.(*driver.Value); ok { // into which sqlgraph scans an id
		dest = (*any)(value)
	}
	if untyped, ok := dest.(*any); ok {
		value, err := databaseValue(types, field, raw)
		*untyped = value
		return err
	}
	if b, ok := dest.(*sql.RawBytes); ok {
		dest = (*[]byte)(b) // pgx would unmarshal JSON into an unknown type
	}
	if err := types.Scan(field.DataTypeOID, field.Format, raw, dest); err != nil {
		return err
	}
	switch t := dest.(type) { // pgx returns times in the local zone
	case *sql.NullTime:
		t.Time = t.Time.UTC()
	case *time.Time:
		*t = t.UTC()
	case **time.Time:
		if *t != nil {
			**t = (*t).UTC()
		}
	}
	return nil
}

// databaseValue decodes as database/sql does, so that Ent can send an untyped value back as an argument.
func databaseValue(types *pgtype.Map, field *pgconn.FieldDescription, raw []byte) (any, error) {
	t, ok := types.TypeForOID(field.DataTypeOID)
	if raw == nil || !ok {
		var text *string
		err := types.Scan(field.DataTypeOID, field.Format, raw, &text)
		if err != nil || text == nil {
			return nil, err
		}
		return *text, nil
	}
	return t.Codec.DecodeDatabaseSQLValue(types, field.DataTypeOID, field.Format, raw)
}
