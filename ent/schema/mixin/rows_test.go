package mixin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy"
)

// listAllocations is the most that a list of 20 agents may allocate.
const listAllocations = 300

func TestAllocationsOfAList(t *testing.T) { //nolint:paralleltest // what other tests allocate would count
	h := newHouse(t)
	ctx := tenancy.With(t.Context(), h.a)
	creates := make([]*ent.AgentCreate, 20)
	for i := range creates {
		creates[i] = h.Agent.Create().SetName("Ada").SetRole("engineer").SetPersona("kind").SetSystemPrompt("Be brief.")
	}
	h.Agent.CreateBulk(creates...).SaveX(ctx)
	list := h.Agent.Query().Limit(len(creates))
	allocations := testing.AllocsPerRun(100, func() {
		require.Len(t, list.Clone().AllX(ctx), len(creates))
	})
	require.LessOrEqual(t, allocations, float64(listAllocations))
}
