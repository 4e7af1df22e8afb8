package testdb

import (
	"context"
	"maps"
	"os"

	"github.com/testcontainers/testcontainers-go"

	"github.com/konstruct/konstruct/local"
)

// maxConnections is for the tests of all packages, and for the saboteurs that run in parallel.
const maxConnections = "300"

//nolint:gochecknoglobals // a constant that Go cannot express
var localKind = kind{name: "local", start: startLocal, stop: stopLocal}

// startLocal keeps the data, with the template and kept databases, when the server stops. Data is not synced to disk:
// if a crash of the machine damaged it, it is deleted.
func startLocal(ctx context.Context, p *place) (string, error) {
	options := local.PostgresOptions{
		Folder: p.file("server"), Throwaway: true, Detached: true,
		Settings: map[string]string{"max_connections": maxConnections},
	}
	server, err := local.StartPostgres(ctx, options)
	if err != nil && stopLocal(ctx, p) == nil && os.RemoveAll(p.file("server")) == nil {
		server, err = local.StartPostgres(ctx, options)
	}
	if err != nil {
		return "", err
	}
	return server.SuperuserDSN(), nil
}

func stopLocal(ctx context.Context, p *place) error {
	_, err := local.StopPostgres(ctx, p.file("server"))
	return err
}

type ownServer struct {
	superURL string
	stop     func(context.Context) error
}

// startOwn starts a server of the shared one's kind, or a local one if KONSTRUCT_TEST_DATABASE_URL is set.
func startOwn(ctx context.Context) (ownServer, error) {
	asked := os.Getenv(serverVariable)
	if os.Getenv(urlVariable) != "" && asked == "" {
		return ownLocalOrDocker(ctx, nil)
	}
	chosen, err := chooseKind(ctx, asked)
	if err != nil {
		return ownServer{}, err
	}
	if chosen.name == dockerKind.name {
		return ownDocker(ctx)
	}
	return ownLocal(ctx, nil)
}

// startDurable prefers a local server, unless KONSTRUCT_TEST_SERVER is docker.
func startDurable(ctx context.Context) (ownServer, error) {
	settings := map[string]string{"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
	command := testcontainers.WithCmd("postgres")
	switch os.Getenv(serverVariable) {
	case dockerKind.name:
		return ownDocker(ctx, command)
	case localKind.name:
		return ownLocal(ctx, settings)
	default:
		return ownLocalOrDocker(ctx, settings, command)
	}
}

func ownLocal(ctx context.Context, settings map[string]string) (ownServer, error) {
	all := map[string]string{"max_connections": maxConnections}
	maps.Copy(all, settings)
	server, err := local.StartPostgres(ctx, local.PostgresOptions{Throwaway: true, Settings: all})
	if err != nil {
		return ownServer{}, err
	}
	return ownServer{superURL: server.SuperuserDSN(), stop: server.Stop}, nil
}

func ownLocalOrDocker(
	ctx context.Context, settings map[string]string, options ...testcontainers.ContainerCustomizer,
) (ownServer, error) {
	server, err := ownLocal(ctx, settings)
	if err == nil || dockerAnswers(ctx) != nil {
		return server, err
	}
	return ownDocker(ctx, options...)
}
