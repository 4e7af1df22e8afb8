package account

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

const (
	// devicePrefix identifies device tokens.
	devicePrefix = "kdt_"
	// DeviceLifetime is how long a device is known after its last login, unless the password changes.
	DeviceLifetime = 180 * 24 * time.Hour
	// deviceSkew is the tolerated clock skew between servers.
	deviceSkew = time.Hour

	deviceID    = 8 + 16                 // Unix time and a random part
	deviceBytes = deviceID + sha256.Size // and a MAC of the password hash
)

// newDevice creates a token for a device that logged in with the address and the password of hash: OWASP's device
// cookie, which grants no access.
func (a *Attempts) newDevice(email, hash string, now time.Time) string {
	body := make([]byte, deviceID, deviceBytes+sha256.Size)
	binary.BigEndian.PutUint64(body, uint64(now.Unix())) //nolint:gosec // after 1970
	_, _ = rand.Read(body[8:])                           // never fails
	body = append(body, a.sign("device password", []byte(hash))...)
	return devicePrefix + base64.RawURLEncoding.EncodeToString(append(body, a.signDevice(email, body)...))
}

// device returns the device of a token that was issued for this address within [DeviceLifetime]. It does not check the
// password; see [Attempts.current].
func (a *Attempts) device(token, email string, now time.Time) ([]byte, bool) {
	encoded, found := strings.CutPrefix(token, devicePrefix)
	raw, _ := base64.RawURLEncoding.DecodeString(encoded) // invalid bytes fail the MAC
	if !found || len(raw) != deviceBytes+sha256.Size {
		return nil, false
	}
	device, mac := raw[:deviceBytes], raw[deviceBytes:]
	if !hmac.Equal(mac, a.signDevice(email, device)) {
		return nil, false
	}
	age := now.Sub(time.Unix(int64(binary.BigEndian.Uint64(device)), 0)) //nolint:gosec // signed by newDevice
	return device, -deviceSkew <= age && age < DeviceLifetime
}

// current reports whether the device logged in with the current password: after a change, the previous one may have
// been stolen.
func (a *Attempts) current(device []byte, hash string) bool {
	return hmac.Equal(device[deviceID:], a.sign("device password", []byte(hash)))
}

func (a *Attempts) signDevice(email string, device []byte) []byte {
	return a.sign("remembered device\x00"+email, device)
}

func (a *Attempts) sign(purpose string, message []byte) []byte {
	mac := hmac.New(sha256.New, a.key)
	mac.Write([]byte(purpose + "\x00"))
	mac.Write(message)
	return mac.Sum(nil)
}
