package testdb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/konstruct/konstruct/local"
)

const (
	// image is that of docker-compose.yml.
	image = "postgres:16"
	// dockerWithin limits how long an engine may take to answer.
	dockerWithin = 3 * time.Second
	// pullWithin limits the image's download. After a failure, pullAgainAfter delays the next attempt.
	pullWithin     = 2 * time.Minute
	pullAgainAfter = 10 * time.Minute
	// ownLabel marks containers of one test for cleanup after a crash. Its value is the user.
	ownLabel = "konstruct.test.cluster"

	superuser = "postgres"
)

//nolint:gochecknoglobals // a constant that Go cannot express
var dockerKind = kind{name: "docker", start: startDocker, stop: stopDocker}

// dockerAnswers returns an error if no engine answers. The library panics on some configurations.
func dockerAnswers(ctx context.Context) error {
	answer := make(chan error, 1)
	go func() {
		defer func() {
			if fault := recover(); fault != nil {
				answer <- fmt.Errorf("docker: %v", fault)
			}
		}()
		answer <- ping(ctx)
	}()
	select {
	case err := <-answer:
		return err
	case <-time.After(dockerWithin):
		return errors.New("docker does not answer")
	}
}

func ping(ctx context.Context) error {
	return withEngine(func(engine client.APIClient) error {
		_, err := engine.Ping(ctx, client.PingOptions{})
		return err
	})
}

// obtainImage pulls a missing image. It records a failure, so that the run's other processes do not wait again.
func obtainImage(ctx context.Context) error {
	return withEngine(func(engine client.APIClient) error {
		if _, err := engine.ImageInspect(ctx, image); err == nil {
			return nil
		}
		folder, err := ownFolder()
		if err != nil {
			return err
		}
		failed := filepath.Join(folder, "no-"+url.PathEscape(image))
		if info, err := os.Stat(failed); err == nil && time.Since(info.ModTime()) < pullAgainAfter {
			return fmt.Errorf("the Docker engine has no %s and could not pull it", image)
		}
		if err := pull(ctx, engine); err != nil {
			err = fmt.Errorf("the Docker engine has no %s and cannot pull it: %w", image, err)
			return errors.Join(err, os.WriteFile(failed, nil, 0o600))
		}
		return nil
	})
}

func pull(ctx context.Context, engine client.APIClient) error {
	ctx, cancel := context.WithTimeout(ctx, pullWithin)
	defer cancel()
	progress, err := engine.ImagePull(ctx, image, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	return progress.Wait(ctx)
}

func withEngine(do func(client.APIClient) error) error {
	if err := tameLibrary(); err != nil {
		return err
	}
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return err
	}
	defer func() { _ = provider.Close() }()
	return do(provider.Client())
}

// tameLibrary must run before the library's first use. It disables its log and its reaper, which would stop the shared
// container with the first process.
func tameLibrary() error {
	log.SetDefault(log.NewNoopLogger())
	const reaper = "TESTCONTAINERS_RYUK_DISABLED"
	if _, set := os.LookupEnv(reaper); set {
		return nil
	}
	return os.Setenv(reaper, "true")
}

// startDocker reuses the recorded container if it answers.
func startDocker(ctx context.Context, p *place) (string, error) {
	kept, err := os.ReadFile(p.file("url"))
	if err == nil && answers(ctx, string(kept)) == nil {
		return string(kept), nil
	}
	if err := stopDocker(ctx, p); err != nil {
		return "", err
	}
	server, err := runPostgres(ctx, testcontainers.WithName(containerName()))
	if err != nil {
		return "", err
	}
	return server.superURL, os.WriteFile(p.file("url"), []byte(server.superURL), 0o600)
}

// stopDocker removes the shared container and those of crashed tests.
func stopDocker(ctx context.Context, p *place) error {
	if err := os.RemoveAll(p.file("url")); err != nil {
		return err
	}
	return withEngine(func(engine client.APIClient) error {
		names := []string{containerName()}
		left, err := engine.ContainerList(ctx, client.ContainerListOptions{
			All: true, Filters: make(client.Filters).Add("label", ownLabel+"="+strconv.Itoa(os.Geteuid())),
		})
		if err != nil {
			return err
		}
		for _, container := range left.Items {
			if time.Since(time.Unix(container.Created, 0)) > abandonAfter {
				names = append(names, container.ID)
			}
		}
		for _, name := range names {
			_, err := engine.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			if err != nil && !errdefs.IsNotFound(err) {
				return err
			}
		}
		return nil
	})
}

func containerName() string { return "konstruct-test-" + strconv.Itoa(os.Geteuid()) }

// runPostgres starts a container without fsync, and removes it on failure.
func runPostgres(ctx context.Context, more ...testcontainers.ContainerCustomizer) (ownServer, error) {
	if err := tameLibrary(); err != nil {
		return ownServer{}, err
	}
	password := rand.Text()
	options := append([]testcontainers.ContainerCustomizer{
		postgres.WithUsername(superuser),
		postgres.WithPassword(password),
		// The image starts the server twice, first only for its init scripts.
		testcontainers.WithWaitStrategy(
			wait.ForLog("database system is ready to accept connections").WithOccurrence(2),
		),
		testcontainers.WithCmd("postgres", "-c", "fsync=off", "-c", "full_page_writes=off",
			"-c", "synchronous_commit=off", "-c", "max_connections="+maxConnections),
	}, more...)
	container, err := postgres.Run(ctx, image, options...)
	stop := func(ctx context.Context) error {
		return testcontainers.TerminateContainer(container, testcontainers.StopContext(ctx))
	}
	if err != nil {
		return ownServer{}, errors.Join(err, stop(context.WithoutCancel(ctx)))
	}
	superURL, err := reach(ctx, container, password)
	if err != nil {
		return ownServer{}, errors.Join(err, stop(context.WithoutCancel(ctx)))
	}
	return ownServer{superURL: superURL, stop: stop}, nil
}

// reach returns the address of the container's port. The library's is wrong if the engine runs in a container, where
// published ports are on loopback, too.
func reach(ctx context.Context, container testcontainers.Container, password string) (string, error) {
	port, err := container.MappedPort(ctx, "5432/tcp")
	if err != nil {
		return "", err
	}
	guess, err := container.Host(ctx)
	if err != nil {
		return "", err
	}
	var faults []error
	for range 10 {
		faults = nil
		for _, host := range []string{local.Loopback, guess} {
			superURL := (&url.URL{
				Scheme: "postgres", User: url.UserPassword(superuser, password),
				Host: net.JoinHostPort(host, port.Port()),
				Path: "/postgres", RawQuery: "sslmode=disable",
			}).String()
			err := answers(ctx, superURL)
			if err == nil {
				return superURL, nil
			}
			faults = append(faults, err)
		}
	}
	return "", errors.Join(faults...)
}

func ownDocker(ctx context.Context, more ...testcontainers.ContainerCustomizer) (ownServer, error) {
	label := testcontainers.WithLabels(map[string]string{ownLabel: strconv.Itoa(os.Geteuid())})
	return runPostgres(ctx, append(more, label)...)
}

func answers(ctx context.Context, superURL string) error {
	ctx, cancel := context.WithTimeout(ctx, dockerWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, strings.TrimSpace(superURL))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
