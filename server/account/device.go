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
	// DeviceLifetime is how long a device is remembered after its last login, unless the password changes.
	DeviceLifetime = 180 * 24 * time.Hour
	// deviceSkew is how far the clocks of two servers may be apart.
	deviceSkew = time.Hour

	deviceID    = 8 + 16                 // seconds since 1970, and what tells two devices apart
	deviceBytes = deviceID + sha256.Size // and which password it was
)

// newDevice makes a token that records a login from this device with the address and the password that hash is of. It is
// OWASP's device cookie: it grants no access, and only counts the device's attempts apart from those of unknown devices.
func (a *Attempts) newDevice(email, hash string, now time.Time) string {
	body := make([]byte, deviceID, deviceBytes+sha256.Size)
	binary.BigEndian.PutUint64(body, uint64(now.Unix())) //nolint:gosec // after 1970
	_, _ = rand.Read(body[8:])                           // never fails
	body = append(body, a.sign("device password", []byte(hash))...)
	return devicePrefix + base64.RawURLEncoding.EncodeToString(append(body, a.signDevice(email, body)...))
}

// device returns which device a token was made for, and false unless it was made with this key, for this address, within
// [DeviceLifetime]. It asks no database; see [Attempts.current].
func (a *Attempts) device(token, email string, now time.Time) ([]byte, bool) {
	encoded, found := strings.CutPrefix(token, devicePrefix)
	raw, _ := base64.RawURLEncoding.DecodeString(encoded) // the signature tells
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

// current reports whether the password is still the one that the device logged in with. After a change the device is
// unknown again, since the earlier password may have been stolen.
func (a *Attempts) current(device []byte, hash string) bool {
	return hmac.Equal(device[deviceID:], a.sign("device password", []byte(hash)))
}

func (a *Attempts) signDevice(email string, device []byte) []byte {
	return a.sign("remembered device\x00"+email, device)
}

func (a *Attempts) sign(purpose string, message []byte) []byte {
	mac := hmac.New(sha256.New, a.key)
	mac.Write([]byte(purpose + "\x00")) // a hash's Write never fails
	mac.Write(message)
	return mac.Sum(nil)
}
