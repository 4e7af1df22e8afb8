package isolation

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/konstruct/konstruct/tenancy/attack"
)

// Values returns the values of Konstruct's schemas that only the tables' CHECK constraints describe.
func Values() []attack.Override {
	address := func(canary string) string { return canary + "@example.com" }
	return []attack.Override{
		{
			Entity: attack.Entity{Name: "PortalUser"},
			Values: func(canary string) map[string]any { return map[string]any{"email": address(canary)} },
		},
		{
			Entity: attack.Entity{Name: "Invitation"},
			Values: func(canary string) map[string]any {
				return map[string]any{"email": address(canary), "token_hash": hash(canary)}
			},
		},
		{
			Entity: attack.Entity{Name: "IdempotencyKey"},
			Values: func(canary string) map[string]any {
				return map[string]any{"scope": hash(canary), "request_hash": hash("body of " + canary)}
			},
		},
	}
}

// hash returns the SHA-256 of a token as the tables store it.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
