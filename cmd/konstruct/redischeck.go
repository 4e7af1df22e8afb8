package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/konstruct/konstruct/config"
)

// redisCheck connects on first use, because the API must start without Redis.
type redisCheck struct {
	url config.URL

	mu     sync.Mutex
	client rueidis.Client
}

func (r *redisCheck) run(ctx context.Context) (err error) {
	tracer := trace.SpanFromContext(ctx).TracerProvider().Tracer("github.com/konstruct/konstruct/cmd/konstruct")
	ctx, span := tracer.Start(ctx, "PING", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(semconv.DBSystemNameRedis, semconv.DBOperationName("PING")))
	defer func() {
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client == nil {
		option, err := rueidis.ParseURL(r.url.Reveal())
		if err != nil {
			return errors.New("REDIS_URL: invalid URL") // the cause may quote it
		}
		option.DisableCache = true
		if r.client, err = rueidis.NewClient(option); err != nil {
			r.client = nil
			return redisError(err)
		}
	}
	return redisError(r.client.Do(ctx, r.client.B().Ping().Build()).Error())
}

// redisError keeps only the error code or kind. Texts of package net quote host and port, which can contain part of a
// password with an unescaped special character.
func redisError(err error) error {
	if err == nil {
		return nil
	}
	if answer, ok := rueidis.IsRedisErr(err); ok {
		code, _, _ := strings.Cut(answer.Error(), " ")
		if code == "WRONGPASS" || strings.Contains(answer.Error(), "AUTH") {
			return fmt.Errorf("REDIS_URL: Redis rejected the password (%s); it must be the REDIS_PASSWORD that Redis "+
				"was started with (run task up again after a change)", code)
		}
		return fmt.Errorf("REDIS_URL: Redis returned %s", code)
	}
	cause := fmt.Sprintf("connection failed (%T)", err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		cause = "connection refused"
	case errors.As(err, new(*net.DNSError)):
		cause = "host name not resolved"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		cause = "timed out"
	case errors.Is(err, syscall.ENOENT):
		cause = "no such socket"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		cause = "connection closed"
	}
	return errors.New("REDIS_URL: " + cause)
}

func (r *redisCheck) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		r.client.Close()
	}
}
