package rediskey_test

import (
	"fmt"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rediskey"
)

func Example() {
	tenant, err := tenancy.Parse("0198f3a0-0000-7000-8000-00000000000a")
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := rediskey.Dedup(tenant, "slack.T0HARBOUR.C0QUAY.1768471200.000007")
	fmt.Println(key, err)

	_, err = rediskey.Dedup(tenancy.ID{}, "slack.T0HARBOUR.C0QUAY.1768471200.000007")
	fmt.Println(err)
	// Output:
	// 0198f3a0-0000-7000-8000-00000000000a:dedup:slack.T0HARBOUR.C0QUAY.1768471200.000007 <nil>
	// rediskey: dedup: tenancy: invalid tenant id
}
