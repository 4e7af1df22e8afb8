// Package account manages portal users, their passwords, logins and sessions.
//
//	hasher := account.Argon2{Params: account.OWASP()}
//	users := account.NewUsers(client, hasher, time.Now)  // also for `konstruct user`
//	sessions := account.NewSessions(driver, time.Now)
//	logins, err := account.NewLogins(ctx, account.LoginOptions{…})
//	profiles := account.NewProfiles(logins, driver)      // of users who are logged in or have a mailed link
//
// [Logins.Login] returns the same error, after the same number of hashes, for an unknown address, a wrong password and
// a disabled user. Failed attempts are limited by e-mail address and by network address, with a separate count for each
// known device, so that an attacker cannot lock the owner out. A [Semaphore] bounds hashing, which holds no database
// connection.
//
// A session is a random token of 256 bits, stored as its SHA-256. It ends at its expiry, by logout, and in the same
// transaction in which [Users] changes the password, disables the user or revokes the admin role. User data is not
// cached: [Sessions.Authenticate] reads it for each request, in one round trip.
//
// [Profiles] changes a password or an address, and resets forgotten passwords. The current password of a change counts
// as a login attempt. A link to reset a password is queued by the same statements for known and unknown addresses. It
// works once, for an hour, and any change of the password voids all others of the user.
//
// The package imports ent, token, the driver and tenancy.
package account
