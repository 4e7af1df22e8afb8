package secrets_test

import (
	"bytes"
	"fmt"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/tenancy"
)

func Example() {
	box, err := secrets.NewBox([][]byte{bytes.Repeat([]byte{1}, secrets.KeySize)}) // use random bytes
	if err != nil {
		fmt.Println(err)
		return
	}
	tenant, err := tenancy.Parse("0198f3a0-0000-7000-8000-00000000000a")
	if err != nil {
		fmt.Println(err)
		return
	}
	ref := secrets.Ref{Tenant: tenant, Connection: uuid.MustParse("0198f3a0-0000-7000-8000-0000000000c1"), Channel: "slack"}

	token := "xoxb-1-abc"
	stored, err := box.Apply(ref, nil, secrets.Patch{"bot_token": &token})
	fmt.Println(secrets.Names(stored), err)

	secret, err := box.Open(ref, "bot_token", stored["bot_token"])
	fmt.Println(secret, secret.Reveal() == token, err)

	other := ref
	other.Connection = uuid.MustParse("0198f3a0-0000-7000-8000-0000000000c2")
	_, err = box.Open(other, "bot_token", stored["bot_token"])
	fmt.Println(err)
	// Output:
	// [bot_token] <nil>
	// [redacted] true <nil>
	// secrets: decryption failed
}
