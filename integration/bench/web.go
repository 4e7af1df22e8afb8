package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	adminEmail    = "bench@example.com"
	adminPassword = "a password for the benchmark" // of a user in a throw-away database
	keySize       = 32
)

// webSides are the contestants of the authenticated list over HTTP.
const (
	webRaw = iota
	webOurs
)

// measureWeb lists a tenant's agents over HTTP, as a logged-in admin: from net/http with raw pgx and without RLS, and
// from the product's server. Both look the session up in the database with each request, and answer the same JSON.
func measureWeb(ctx context.Context, p plan, db database, s subjects) ([]rounds, error) {
	driver, err := pgtenant.Open(ctx, db.appURL, pgtenant.WithMaxConns(connections))
	if err != nil {
		return nil, err
	}
	defer func() { _ = driver.Close() }()
	product, token, err := openProduct(ctx, driver)
	if err != nil {
		return nil, err
	}
	floor, err := openRaw(ctx, db.superURL)
	if err != nil {
		return nil, err
	}
	defer floor.close()

	var contestants []contestant
	var ends closers
	defer func() { ends.close() }()
	for name, handler := range []http.Handler{webRaw: floor.handler(), webOurs: product} {
		listening := httptest.NewServer(handler)
		ends = append(ends, listening.Close)
		client := listening.Client()
		contestants = append(contestants, contestant{
			name: [...]string{webRaw: "net/http with raw pgx", webOurs: "the server"}[name],
			do: func(ctx context.Context, turn int) error {
				tenant := s.readers[turn%len(s.readers)].String()
				return get(ctx, client, fmt.Sprintf("%s/v1/tenants/%s/agents?limit=%d", listening.URL, tenant, pageSize), token)
			},
		})
	}
	return compare(ctx, p, contestants)
}

// openProduct makes the server, an admin, and a session by logging in.
func openProduct(ctx context.Context, driver *pgtenant.Driver) (handler http.Handler, token string, err error) {
	client := ent.NewClient(ent.Driver(driver))
	box, err := secrets.NewBox([][]byte{bytes.Repeat([]byte{1}, keySize)})
	if err != nil {
		return nil, "", err
	}
	isolated := func(context.Context) (doctor.Report, error) { return doctor.Report{}, nil } // it runs each minute, not with a request
	monitor := doctor.NewMonitor(isolated, time.Minute, slog.New(slog.DiscardHandler))
	s, err := server.New(ctx, server.Options{
		Client: client, Driver: driver, Box: box, Key: bytes.Repeat([]byte{2}, keySize), SlackSecret: "unused",
		Isolation: monitor,
		// Writing the log is part of the work; keeping it is not.
		Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)), //nolint:sloglint // DiscardHandler would not write
	})
	if err != nil {
		return nil, "", err
	}
	if _, err := monitor.Check(ctx); err != nil {
		return nil, "", err
	}
	users := account.NewUsers(client, account.Argon2{Params: account.OWASP()}, nowUTC)
	admin := account.NewUser{Email: adminEmail, Name: "Bench", Password: adminPassword, IsAdmin: true}
	if _, err := users.Create(ctx, admin); err != nil {
		return nil, "", err
	}
	token, err = logIn(ctx, s.Handler())
	return s.Handler(), token, err
}

func logIn(ctx context.Context, handler http.Handler) (string, error) {
	body, err := json.Marshal(map[string]string{"email": adminEmail, "password": adminPassword})
	if err != nil {
		return "", err
	}
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/auth/login", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	var login struct {
		Session struct {
			Token string `json:"token"`
		} `json:"session"`
	}
	if answer.Code != http.StatusOK {
		return "", fmt.Errorf("log in: status %d", answer.Code)
	}
	err = json.Unmarshal(answer.Body.Bytes(), &login)
	return login.Session.Token, err
}

// get reads one page and makes sure that it is one.
func get(ctx context.Context, client *http.Client, url, token string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if items := bytes.Count(body, []byte(`"is_active"`)); answer.StatusCode != http.StatusOK || items != pageSize {
		return fmt.Errorf("list over HTTP: status %d, %d items", answer.StatusCode, items)
	}
	return nil
}
