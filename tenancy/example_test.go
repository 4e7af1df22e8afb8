package tenancy_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/konstruct/konstruct/tenancy"
)

func Example() {
	acme, _ := tenancy.Parse("018f6d0e-0000-7000-8000-0000000000aa")
	globex, _ := tenancy.Parse("018f6d0e-0000-7000-8000-0000000000bb")

	ctx := tenancy.With(context.Background(), acme)
	id, _ := tenancy.From(ctx)
	fmt.Println(id)

	// A context keeps its tenant.
	_, err := tenancy.From(tenancy.With(ctx, globex))
	fmt.Println(errors.Is(err, tenancy.ErrTenantSwitch))

	// Work for another tenant starts from Detach.
	id, _ = tenancy.From(tenancy.With(tenancy.Detach(ctx), globex))
	fmt.Println(id)
	// Output:
	// 018f6d0e-0000-7000-8000-0000000000aa
	// true
	// 018f6d0e-0000-7000-8000-0000000000bb
}
