package config

import (
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"time"

	"github.com/caarlos0/env/v11"
)

// parse fills the struct target by its env tags and returns a fault per invalid value.
func parse(target any, environ Env) Faults {
	err := env.ParseWithOptions(target, env.Options{Environment: environ})
	if err == nil {
		return nil
	}

	names := variableNames(reflect.TypeOf(target).Elem())
	var faults Faults
	for _, err := range flatten(err) {
		faults = append(faults, faultOf(err, names))
	}

	return faults
}

func flatten(err error) []error {
	if all, ok := errors.AsType[env.AggregateError](err); ok {
		return all.Errors
	}

	return []error{err}
}

// faultOf replaces an error of the library, whose text quotes the value.
func faultOf(err error, names map[string]string) Fault {
	var (
		unset env.VarIsNotSetError
		empty env.EmptyVarError
		bad   env.ParseError
	)
	switch {
	case errors.As(err, &unset):
		return Fault{Variable: unset.Key, Problem: "is required"}
	case errors.As(err, &empty):
		return Fault{Variable: empty.Key, Problem: "must not be empty"}
	case errors.As(err, &bad):
		if other, ok := errors.AsType[blame](bad.Err); ok {
			return Fault{Variable: other.variable, Problem: other.Error()}
		}
		return Fault{Variable: names[bad.Name], Problem: expectation(bad)}
	default:
		return Fault{Variable: "environment", Problem: "cannot be read"}
	}
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
