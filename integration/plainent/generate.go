// Package plainent is a client of the table agents as Ent's own generator writes it, without Konstruct's templates and
// mixins. The bench compares the product's client with it.
package plainent

//go:generate go run -C ../../tools entgo.io/ent/cmd/ent generate --feature sql/execquery --target ../integration/plainent github.com/konstruct/konstruct/integration/plainent/schema
