// Package account is who may use the API: the portal's users, their passwords, their sessions, and logging in.
//
//	hasher := account.Argon2{Params: account.OWASP()}
//	users := account.NewUsers(client, hasher)            // also for `konstruct user`
//	sessions := account.NewSessions(driver, time.Now)
//	logins, err := account.NewLogins(ctx, account.LoginOptions{…})
//
// [Logins.Login] tells a caller only that it failed: an unknown address, a wrong password and a disabled user cost the same
// hashes and are one error. Failed attempts are limited by e-mail address and by network address, and attempts from a
// device that has logged in before are counted apart, so that a stranger's wrong passwords don't lock the owner out. While
// a password is hashed no database connection is held. A [Queue] bounds hashing and shares it fairly between clients.
//
// A session is a random token of 256 bits; the database knows its SHA-256 only. It ends after its lifetime, by logging
// out, and in the same transaction in which [Users] changes the password, disables the user, or takes the admin's
// rights away. Nothing about a user is cached: [Sessions.Authenticate] reads it with each request, in one round trip.
//
// The package imports ent, the driver and tenancy.
package account
