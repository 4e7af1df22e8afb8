// Package account is who may use the API: the portal's users, their passwords, their sessions, and logging in.
//
//	hasher := account.NewShare(account.Argon2{Params: account.OWASP()}, account.ShareOptions{})
//	users := account.NewUsers(client, hasher)            // also for `konstruct user`
//	sessions := account.NewSessions(driver, time.Now)
//	logins, err := account.NewLogins(ctx, account.LoginOptions{…})
//
// [Logins.Login] tells a caller only that it failed: an unknown address, a wrong password and a disabled user cost one
// hash each and are one error. Attempts are counted before anything is hashed. While a password is hashed no database
// connection is held, and the hashing has a bounded share of the machine.
//
// A session is a random token of 256 bits; the database knows its SHA-256 only. It ends after its lifetime, by logging
// out, and in the same transaction in which [Users] changes the password, disables the user, or takes the admin's
// rights away. Nothing about a user is cached: [Sessions.Authenticate] reads it with each request, in one round trip.
//
// The package imports ent, the driver and tenancy.
package account
