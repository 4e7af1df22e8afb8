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
		outer object
		want  string
	}{
		{"the authorization's team", nil, "T0AUTH"},
		{"the same in a shared channel", object{"is_ext_shared_channel": true}, "T0AUTH"},
		{
			"the first authorization",
			object{"authorizations": []object{{"team_id": "T0FIRST"}, {"team_id": "T0SECOND"}}},
			"T0FIRST",
		},
		{"the team, with its organization's id", installed("T0AUTH", "E0AUTH", false), "T0AUTH"},
		{"the team, if is_enterprise_install is absent", installed("T0AUTH", "E0AUTH", nil), "T0AUTH"},
		{"the same for null", installed("T0AUTH", "E0AUTH", null), "T0AUTH"},
		{"the organization, without a team", installed(null, "E0AUTH", true), "E0AUTH"},
		{"the organization, with a team", installed("T0AUTH", "E0AUTH", true), "E0AUTH"},
		{"the organization in a shared channel", installed("T0AUTH", "E0AUTH", true).with(object{"is_ext_shared_channel": true}), "E0AUTH"},
		{"the organization, as a string", installed("T0AUTH", "E0AUTH", "true"), "E0AUTH"},
		{"the organization, as a number", installed("T0AUTH", "E0AUTH", 1), "E0AUTH"},
		{"the team, as a number", installed("T0AUTH", "E0AUTH", 0), "T0AUTH"},
		{"the envelope's team, if authorizations is absent", object{"authorizations": nil}, "T0ENVELOPE"},
		{"the same for null", object{"authorizations": null}, "T0ENVELOPE"},
		{"the envelope's team in its own channel", object{"authorizations": nil, "context_team_id": "T0ENVELOPE"}, "T0ENVELOPE"},
		{"the envelope's team, explicitly", object{"authorizations": nil, "is_enterprise_install": false}, "T0ENVELOPE"},
		{"the envelope's organization", object{"authorizations": nil, "is_enterprise_install": true}, "E0ENVELOPE"},
		{"the same as a string", object{"authorizations": nil, "is_enterprise_install": "true"}, "E0ENVELOPE"},
		{"the authorization over the envelope", object{"is_enterprise_install": true}, "T0AUTH"},
		{"the same for an organization", installed("T0AUTH", "E0AUTH", true).with(object{"is_enterprise_install": false}), "E0AUTH"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			metadata := mustMessage(t, callback(row.outer, nil)).ChannelMetadata
			require.Equal(t, row.want, metadata.WorkspaceID)
			require.Equal(t, row.want[0] == 'E', metadata.IsEnterpriseInstall)
			for _, kind := range []string{"app_uninstalled", "team_access_granted"} {
				event, err := normalize(t, callback(row.outer, object{"type": kind}))
				require.NoError(t, err)
				require.Equal(t, slack.Lifecycle{Type: kind, WorkspaceID: row.want, AppID: "A0KONSTRUCT"}, event)
			}
			event, err := normalize(t, callback(row.outer, nil).with(object{"type": "app_rate_limited"}))
			require.NoError(t, err)
			require.Equal(t, slack.RateLimited{WorkspaceID: row.want, AppID: "A0KONSTRUCT"}, event)
		})
	}
}

// installed returns an envelope with one authorization.
func installed(team, enterprise, isEnterprise any) object {
	return object{"authorizations": []object{object{
		"team_id": team, "enterprise_id": enterprise, "user_id": "U0ASSISTANT", "is_bot": true, "is_enterprise_install": isEnterprise,
	}.with(nil)}}
}

func TestNormalize_NoWorkspace(t *testing.T) {
	t.Parallel()
	const organizationAlone = "the envelope's organization alone"
	for name, outer := range map[string]object{
		"an empty list of authorizations":        {"authorizations": []object{}},
		"an authorization without ids":           {"authorizations": []object{{"is_bot": true}}},
		"an authorization that is null":          {"authorizations": []any{null}},
		"a shared channel without authorization": {"authorizations": nil, "is_ext_shared_channel": true},
		"a shared channel, by its context":       {"authorizations": nil, "context_team_id": "T0OTHER"},
		"a shared channel, malformed":            {"authorizations": nil, "is_ext_shared_channel": []string{"yes"}},
		"no ids":                                 {"authorizations": nil, "team_id": nil, "enterprise_id": nil},
		organizationAlone:                        {"authorizations": nil, "team_id": nil},
		"the same in a shared channel":           {"authorizations": nil, "team_id": nil, "is_ext_shared_channel": true},
		"the same beside an empty list":          {"authorizations": []object{}, "team_id": nil},
		"the same, not an enterprise install":    {"authorizations": nil, "team_id": nil, "is_enterprise_install": false},
		"the same, malformed":                    {"authorizations": nil, "team_id": nil, "is_enterprise_install": "maybe"},
		"authorizations as a string":             {"authorizations": "T0AUTH"},
		"authorizations as an object":            {"authorizations": object{"team_id": "T0AUTH"}},
		"authorizations by index":                {"authorizations": object{"0": object{"team_id": "T0AUTH"}}},
		"an authorization that is a list":        {"authorizations": []any{[]string{"T0AUTH"}}},
		"a malformed workspace":                  {"authorizations": []object{{"team_id": "T*"}}},
		"an organization without its id":         installed("T0AUTH", null, true),
		"a team without its id":                  installed(null, "E0AUTH", false),
		"neither organization nor team":          installed("T0AUTH", "E0AUTH", []bool{true}),
		"the same as a string":                   installed("T0AUTH", "E0AUTH", "maybe"),
		"the envelope's, without its id":         {"authorizations": nil, "is_enterprise_install": true, "enterprise_id": nil},
		"the envelope's, malformed":              {"authorizations": nil, "is_enterprise_install": "maybe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			payloads := map[string]object{"app_rate_limited": callback(outer, nil).with(object{"type": "app_rate_limited"})}
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
			event, err := normalize(t, callback(outer, object{"type": "reaction_added"}))
			require.NoError(t, err, "ignored events need no workspace")
			require.IsType(t, slack.Ignored{}, event)
		})
	}
}
