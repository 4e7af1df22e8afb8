package slack_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
)

func TestNormalize_Workspace(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		outer any
		want  string
	}{
		{"the authorization's team", nil, "T0AUTH"},
		{"the same in a shared channel", `{"is_ext_shared_channel": true}`, "T0AUTH"},
		{
			"the first authorization",
			`{"authorizations": [{"team_id": "T0FIRST"}, {"team_id": "T0SECOND"}]}`,
			"T0FIRST",
		},
		{"the team, with its organization's id", installed("T0AUTH", "E0AUTH", false), "T0AUTH"},
		{"the team, if is_enterprise_install is absent", installed("T0AUTH", "E0AUTH", nil), "T0AUTH"},
		{"the same for null", installed("T0AUTH", "E0AUTH", null), "T0AUTH"},
		{"the organization, without a team", installed(null, "E0AUTH", true), "E0AUTH"},
		{"the organization, with a team", installed("T0AUTH", "E0AUTH", true), "E0AUTH"},
		{"the organization in a shared channel", with(installed("T0AUTH", "E0AUTH", true), `{"is_ext_shared_channel": true}`), "E0AUTH"},
		{"the organization, as a string", installed("T0AUTH", "E0AUTH", "true"), "E0AUTH"},
		{"the organization, as a number", installed("T0AUTH", "E0AUTH", 1), "E0AUTH"},
		{"the team, as a number", installed("T0AUTH", "E0AUTH", 0), "T0AUTH"},
		{"the envelope's team, if authorizations is absent", `{"authorizations": "absent"}`, "T0ENVELOPE"},
		{"the same for null", `{"authorizations": null}`, "T0ENVELOPE"},
		{"the envelope's team in its own channel", `{"authorizations": "absent", "context_team_id": "T0ENVELOPE"}`, "T0ENVELOPE"},
		{"the envelope's team, explicitly", `{"authorizations": "absent", "is_enterprise_install": false}`, "T0ENVELOPE"},
		{"the envelope's organization", `{"authorizations": "absent", "is_enterprise_install": true}`, "E0ENVELOPE"},
		{"the same as a string", `{"authorizations": "absent", "is_enterprise_install": "true"}`, "E0ENVELOPE"},
		{"the authorization over the envelope", `{"is_enterprise_install": true}`, "T0AUTH"},
		{"the same for an organization", with(installed("T0AUTH", "E0AUTH", true), `{"is_enterprise_install": false}`), "E0AUTH"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			metadata := mustMessage(t, row.outer, nil).ChannelMetadata
			require.Equal(t, row.want, metadata.WorkspaceID)
			require.Equal(t, row.want[0] == 'E', metadata.IsEnterpriseInstall)
			for _, kind := range []string{"app_uninstalled", "team_access_granted"} {
				event, err := normalize(t, callback(row.outer, object{"type": kind}))
				require.NoError(t, err)
				require.Equal(t, slack.Lifecycle{Type: kind, WorkspaceID: row.want, AppID: "A0KONSTRUCT"}, event)
			}
			event, err := normalize(t, with(callback(row.outer, nil), `{"type": "app_rate_limited"}`))
			require.NoError(t, err)
			require.Equal(t, slack.RateLimited{WorkspaceID: row.want, AppID: "A0KONSTRUCT"}, event)
		})
	}
}

// installed returns an envelope with one authorization.
func installed(team, enterprise, isEnterprise any) object {
	return object{"authorizations": []object{with(object{
		"team_id": team, "enterprise_id": enterprise, "user_id": "U0ASSISTANT", "is_bot": true, "is_enterprise_install": isEnterprise,
	})}}
}

func TestNormalize_NoWorkspace(t *testing.T) {
	t.Parallel()
	const organizationAlone = "the envelope's organization alone"
	for name, outer := range map[string]any{
		"an empty list of authorizations":        `{"authorizations": []}`,
		"an authorization without ids":           `{"authorizations": [{"is_bot": true}]}`,
		"an authorization that is null":          `{"authorizations": [null]}`,
		"a shared channel without authorization": `{"authorizations": "absent", "is_ext_shared_channel": true}`,
		"a shared channel, by its context":       `{"authorizations": "absent", "context_team_id": "T0OTHER"}`,
		"a shared channel, malformed":            `{"authorizations": "absent", "is_ext_shared_channel": ["yes"]}`,
		"no ids":                                 `{"authorizations": "absent", "team_id": "absent", "enterprise_id": "absent"}`,
		organizationAlone:                        `{"authorizations": "absent", "team_id": "absent"}`,
		"the same in a shared channel":           `{"authorizations": "absent", "team_id": "absent", "is_ext_shared_channel": true}`,
		"the same beside an empty list":          `{"authorizations": [], "team_id": "absent"}`,
		"the same, not an enterprise install":    `{"authorizations": "absent", "team_id": "absent", "is_enterprise_install": false}`,
		"the same, malformed":                    `{"authorizations": "absent", "team_id": "absent", "is_enterprise_install": "maybe"}`,
		"authorizations as a string":             `{"authorizations": "T0AUTH"}`,
		"authorizations as an object":            `{"authorizations": {"team_id": "T0AUTH"}}`,
		"authorizations by index":                `{"authorizations": {"0": {"team_id": "T0AUTH"}}}`,
		"an authorization that is a list":        `{"authorizations": [["T0AUTH"]]}`,
		"a malformed workspace":                  `{"authorizations": [{"team_id": "T*"}]}`,
		"an organization without its id":         installed("T0AUTH", null, true),
		"a team without its id":                  installed(null, "E0AUTH", false),
		"neither organization nor team":          installed("T0AUTH", "E0AUTH", []bool{true}),
		"the same as a string":                   installed("T0AUTH", "E0AUTH", "maybe"),
		"the envelope's, without its id":         `{"authorizations": "absent", "is_enterprise_install": true, "enterprise_id": "absent"}`,
		"the envelope's, malformed":              `{"authorizations": "absent", "is_enterprise_install": "maybe"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			payloads := map[string]object{"app_rate_limited": with(callback(outer, nil), `{"type": "app_rate_limited"}`)}
			for _, kind := range []string{"message", "app_mention", "app_uninstalled", "team_access_granted", "team_access_revoked"} {
				payloads[kind] = callback(outer, object{"type": kind})
			}
			if name == organizationAlone { // it suffices for these
				delete(payloads, "team_access_granted")
				delete(payloads, "team_access_revoked")
			}
			for kind, payload := range payloads {
				event, err := normalize(t, payload)
				require.ErrorIs(t, err, slack.ErrNoWorkspace, kind)
				require.Nil(t, event)
			}
			event, err := normalize(t, callback(outer, `{"type": "reaction_added"}`))
			require.NoError(t, err, "ignored events need no workspace")
			require.IsType(t, slack.Ignored{}, event)
		})
	}
}
