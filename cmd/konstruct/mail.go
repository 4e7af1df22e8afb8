package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/mail"
)

// smtpMail returns the mail of `konstruct serve`.
func smtpMail(ctx context.Context, c config.Mail, log *slog.Logger) (server.MailOptions, error) {
	options := server.MailOptions{From: c.MailFrom, Portal: c.Portal()}
	if !c.SMTPURL.IsSet() {
		log.WarnContext(ctx, "KONSTRUCT_SMTP_URL is not set: nothing is mailed, and the API returns the links of "+
			"invitations")
		return options, nil
	}
	sender, err := mail.NewSMTP(c.SMTPURL.Reveal())
	if err != nil {
		return options, fmt.Errorf("KONSTRUCT_SMTP_URL: %w", err)
	}
	options.Sender = sender
	return options, nil
}

// boxMail returns the mail of `konstruct dev`, which is printed to out.
func boxMail(c config.Mail, out io.Writer) server.MailOptions {
	box := mail.NewBox(out)
	return server.MailOptions{Sender: box, Box: box, From: "Konstruct <konstruct@localhost>", Portal: c.Portal()}
}
