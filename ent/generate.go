package ent

//go:generate go run -C ../tools ./entgen github.com/konstruct/konstruct/ent/schema ../ent github.com/konstruct/konstruct/ent
