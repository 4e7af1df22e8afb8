package ent

//go:generate go run -mod=mod generator.go
