// Package mail sends plain-text messages to portal users.
//
//	sender, err := mail.NewSMTP("smtps://user:password@mail.example.com")
//	links := mail.Links{Portal: portal}
//	worker := mail.NewWorker(mail.WorkerOptions{
//		Queue: outbox, Sender: sender, Clock: time.Now, Logger: logger,
//		Compose: func(ctx context.Context, job mail.Job) (mail.Message, error) {
//			…
//			return mail.Compose(from, to, mail.PasswordReset{Name: …, Link: links.Reset(token), Expires: …})
//		},
//	})
//	worker.Run(ctx) // until ctx is done
//
// The outbox ([Queue]) has only ids. The message and the token of its link are made when it is sent, so no token is
// stored. Delivery is at least once: if the process or the connection fails after the SMTP server has accepted a
// message, the message is composed and sent again. A message that could not be sent is tried again after 1 minute, 5
// minutes, 30 minutes, 2 hours and 6 hours, and then given up.
//
// Names that people chose ([Name]) cannot add lines to a text, but may contain the text of a link, which mail programs
// make clickable.
//
// [SMTP] is the sender of `konstruct serve`, [Box] that of `konstruct dev`. Their errors contain neither the text of a
// message nor the password of the SMTP server nor its words.
//
// The package imports only redact of this module.
package mail
