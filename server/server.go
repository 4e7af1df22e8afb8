package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	"go.opentelemetry.io/otel/trace"

	"github.com/konstruct/konstruct/channel"
	"github.com/konstruct/konstruct/channel/resolver"
	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/audit"
	"github.com/konstruct/konstruct/server/mail"
	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/sweep"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// Server is the API. Create it with [New].
type Server struct {
	log     *slog.Logger
	clock   func() time.Time
	handler http.Handler
	headers http.Header // of every response

	db          dialect.Driver // joins the context's transaction
	client      *ent.Client    // on db
	audit       *audit.Log
	idempotency *operation.IdempotencyKeys
	outbox      *operation.Outbox
	members     *operation.Members
	invitations *operation.Invitations
	links       mail.Links
	mailing     bool         // messages are mailed
	mailer      *mail.Worker // nil: none
	devMail     *mail.Box    // nil: none
	version     string
	logins      *account.Logins
	proxies     []netip.Prefix
	sessions    *account.Sessions
	profiles    *account.Profiles
	pages       operation.Pages
	tenants     *operation.Tenants
	users       *operation.Users
	agents      *operation.Agents
	connections *operation.Connections
	events      *operation.Events
	exports     exports
	slack       *slack.Receiver
	isolation   *doctor.Monitor
	failures    *repeats
	readiness   *readiness
	metrics     *metrics     // nil: none
	tracer      trace.Tracer // nil: none

	background     []func(context.Context) // run by Serve, until their context ends
	purgeRequested chan struct{}
	purgeFailures  atomic.Int64
	sweeper        *sweep.Sweeper

	addr            string
	drainDelay      time.Duration
	shutdownTimeout time.Duration
}

// New creates a server. It does not listen or query the database, but hashes one password. Returns [ErrOptions] or the
// error of a part.
func New(ctx context.Context, o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		log: slog.New(requestHandler{o.Logger.Handler()}), clock: o.Clock, headers: fixedHeaders(),
		addr: o.Addr, drainDelay: o.DrainDelay, shutdownTimeout: o.ShutdownTimeout,
		isolation: o.Isolation, db: o.Driver.Joining(),
	}
	s.client = ent.NewClient(ent.Driver(s.db))
	s.failures = newRepeats(s.log, firstSummary)
	healthy := func(context.Context) error { return s.isolation.Healthy() }
	isolation := Check{Name: "isolation", Required: true, Run: healthy}
	s.readiness = newReadiness(s.failures, o.Clock, append([]Check{isolation}, o.Ready...))
	if err := s.buildAccounts(ctx, o); err != nil {
		return nil, err
	}
	for _, build := range []func(Options) error{s.buildOperations, s.buildSlack, s.buildPurges} {
		if err := build(o); err != nil {
			return nil, err
		}
	}
	s.buildSweeper(o)
	s.buildMail(o)
	if o.Meters != nil {
		if s.metrics, err = s.newMetrics(o.Meters); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	if o.Tracers != nil {
		s.tracer = o.Tracers.Tracer(scope)
	}
	s.handler, err = s.router(o.Docs) //nolint:contextcheck // requests have their own contexts
	return s, err
}

// Handler returns the handler of the API. Without [Server.Run] or [Server.Serve], call Check of Options.Isolation
// first; otherwise it serves no tenants.
func (s *Server) Handler() http.Handler { return s.handler }

// SlackStats returns the counts of Slack's events.
func (s *Server) SlackStats() channel.Stats {
	if s.slack == nil {
		return channel.Stats{}
	}
	return s.slack.Stats()
}

func (s *Server) buildAccounts(ctx context.Context, o Options) error {
	s.proxies = o.TrustedProxies
	s.mailing = o.Mail.Sender != nil
	s.sessions = account.NewSessions(s.db, o.Clock)
	var err error
	s.logins, err = account.NewLogins(ctx, account.LoginOptions{
		Client: s.client, DB: s.db, Hasher: o.Hasher, Hashing: o.Hashing,
		Clock: o.Clock, Key: o.Key, Limits: o.LoginLimits,
	})
	s.profiles = account.NewProfiles(s.logins, s.db)
	return err
}

func (s *Server) buildOperations(o Options) error {
	key, err1 := o.subkey("cursors")
	bodiesKey, err2 := o.subkey("answers")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	s.audit = audit.NewLog(s.db, o.Clock)
	s.outbox = &operation.Outbox{DB: s.db, Clock: o.Clock, Added: markMail}
	s.idempotency = &operation.IdempotencyKeys{DB: s.db, Clock: o.Clock, Key: bodiesKey}
	s.pages = operation.NewPages(key)
	store := operation.Store{
		DB: s.db, Client: s.client, Pages: s.pages, Clock: o.Clock, Permitted: permitAgain,
	}
	s.tenants, s.agents = &operation.Tenants{Store: store}, &operation.Agents{Store: store}
	s.connections = &operation.Connections{Store: store, Box: o.Box}
	s.members, s.events = &operation.Members{Store: store}, &operation.Events{Store: store}
	s.invitations = &operation.Invitations{Store: store, Outbox: s.outbox, Mailing: s.mailing}
	s.users = &operation.Users{Store: store, ClearAttempts: s.logins.ClearAttempts}
	return nil
}

// buildSlack leaves the route out without a signing secret, since no event could be verified.
func (s *Server) buildSlack(o Options) error {
	if o.SlackSecret == "" {
		return nil
	}
	verifier, err := slack.NewVerifier(o.SlackSecret, o.Clock)
	if err != nil {
		return fmt.Errorf("server: signing secret of Slack: %w", err)
	}
	if o.Deliver == nil {
		o.Deliver = channel.LogIDs(s.log)
	}
	ingress := channel.NewIngress(resolver.New(o.Driver, resolver.TTL), o.Deliver, s.log)
	s.slack = slack.NewReceiver(verifier, ingress, s.log)
	return nil
}
