package server

import (
	"context"
	"maps"

	"go.opentelemetry.io/otel/metric"

	"github.com/konstruct/konstruct/server/mail"
	"github.com/konstruct/konstruct/server/operation"
)

// buildMail starts no worker without a sender.
func (s *Server) buildMail(o Options) {
	s.links, s.devMail, s.version = mail.Links{Portal: o.Mail.Portal}, o.Mail.Box, o.Version
	if !s.mailing {
		return
	}
	composer := &operation.Composer{DB: s.db, Clock: o.Clock, Links: s.links, From: o.Mail.From}
	s.mailer = mail.NewWorker(mail.WorkerOptions{
		Queue: s.outbox, Sender: o.Mail.Sender, Clock: o.Clock, Logger: s.log,
		Compose: func(ctx context.Context, job mail.Job) (mail.Message, error) {
			if err := s.isolation.Healthy(); err != nil { // as for a tenant's requests
				return mail.Message{}, err
			}
			return composer.Compose(ctx, job)
		},
	})
	s.background = append(s.background, s.mailer.Run)
}

// markMail notes that the request queued a message, which is sent after the commit.
func markMail(ctx context.Context) { requestOf(ctx).mails = true }

func (s *Server) observeMail(meter metric.Meter) error {
	return observeCounts(meter, "konstruct.mail.attempts", "{attempt}", "Attempts to mail a message, by outcome.",
		"outcome", func() map[string]int64 {
			if s.mailer == nil {
				return nil
			}
			stats := s.mailer.Stats()
			counts := map[string]int64{"sent": stats.Sent, "retried": stats.Retried}
			maps.Copy(counts, stats.GaveUp)
			return counts
		})
}
