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
	// devicePrefix makes a device token recognizable.
	devicePrefix = "kdt_"
	// DeviceLifetime is how long a device is remembered after its last login.
	DeviceLifetime = 180 * 24 * time.Hour

	deviceBytes = 8 + 16 // seconds since 1970, and what tells two devices apart
)

// newDevice makes a token that says: somebody has logged in with this address from this device. It is OWASP's device
// cookie: it proves nothing but that, and only moves the device's attempts out of the strangers' count.
func (a *Attempts) newDevice(email string, now time.Time) string {
	body := make([]byte, deviceBytes, deviceBytes+sha256.Size)
	binary.BigEndian.PutUint64(body, uint64(now.Unix())) //nolint:gosec // after 1970
	_, _ = rand.Read(body[8:])                           // never fails
	return devicePrefix + base64.RawURLEncoding.EncodeToString(append(body, a.sign(email, body)...))
}

// device returns which device a token was made for, and false unless it was made with this key, for this address, within
// [DeviceLifetime]. It asks no database.
func (a *Attempts) device(token, email string, now time.Time) ([]byte, bool) {
	encoded, found := strings.CutPrefix(token, devicePrefix)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if !found || err != nil || len(raw) != deviceBytes+sha256.Size || email == "" {
		return nil, false
	}
	body, mac := raw[:deviceBytes], raw[deviceBytes:]
	if !hmac.Equal(mac, a.sign(email, body)) {
		return nil, false
	}
	age := now.Sub(time.Unix(int64(binary.BigEndian.Uint64(body)), 0)) //nolint:gosec // signed by newDevice
	return body, age < DeviceLifetime
}

func (a *Attempts) sign(email string, body []byte) []byte {
	mac := hmac.New(sha256.New, a.key)
	mac.Write([]byte("remembered device\x00" + email + "\x00"))
	mac.Write(body)
	return mac.Sum(nil)
}
