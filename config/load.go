package config

import (
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"time"

	"github.com/caarlos0/env/v11"
)

// load fills a command's struct and checks it.
func load[C any](environ Env, check func(*C, *Faults, Env)) (C, error) {
	var loaded C
	faults := parse(&loaded, environ)
	check(&loaded, &faults, environ)
	if err := faults.err(); err != nil {
		return *new(C), err
	}

	return loaded, nil
}

// parse fills the struct target by its env tags and returns a fault per invalid value.
func parse(target any, environ Env) Faults {
	err := env.ParseWithOptions(target, env.Options{Environment: environ})
	if err == nil {
		return nil
	}

	all, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		all.Errors = []error{err}
	}
	names := variableNames(reflect.TypeOf(target).Elem())
	var faults Faults
	for _, err := range all.Errors {
		faults = append(faults, faultOf(err, names))
	}

	return faults
}

// faultOf replaces an error of the library, whose text quotes the value.
func faultOf(err error, names map[string]string) Fault {
	bad, ok := errors.AsType[env.ParseError](err)
	if !ok {
		return Fault{Variable: "environment", Problem: "cannot be read"}
	}
	if other, ok := errors.AsType[blame](bad.Err); ok {
		return Fault{Variable: other.variable, Problem: other.Error()}
	}

	return Fault{Variable: names[bad.Name], Problem: expectation(bad)}
}

func expectation(bad env.ParseError) string {
	if ours, ok := errors.AsType[problem](bad.Err); ok {
		return ours.Error()
	}

	switch bad.Type {
	case reflect.TypeFor[time.Duration](), reflect.TypeFor[*time.Duration]():
		return "must be a duration, such as 15s or 2m"
	case reflect.TypeFor[bool]():
		return "must be true or false"
	case reflect.TypeFor[slog.Level]():
		return "must be debug, info, warn or error"
	default:
		return "must be an integer"
	}
}

// variableNames maps field names, nested ones included, to their variables. They must be unique within a command (there
// is a test), because the library's errors have no path.
func variableNames(structure reflect.Type) map[string]string {
	names := map[string]string{}
	for field := range structure.Fields() {
		if name, ok := field.Tag.Lookup("env"); ok {
			names[field.Name] = name
		} else if field.Type.Kind() == reflect.Struct {
			maps.Copy(names, variableNames(field.Type))
		}
	}

	return names
}
