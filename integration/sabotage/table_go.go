package main

func mixinSaboteurs() []saboteur {
	const (
		mixinFile    = "ent/schema/mixin/tenant.go"
		templateFile = "ent/schema/mixin/template.go"
		mixinTests   = "ent/schema/mixin"
	)
	rls := "PostgreSQL isolates; only the early, typed error is lost"
	return []saboteur{
		{
			id: "mixin-hook", removes: "the hook", held: "PostgreSQL sets and checks the tenant; only the early, typed error is lost",
			edits:  []edit{{mixinFile, "func confineMutations(next ent.Mutator) ent.Mutator {\n", "func confineMutations(next ent.Mutator) ent.Mutator {\n\tif true {\n\t\treturn next\n\t}\n"}},
			caught: in(mixinTests, "TestWithoutATenantNothingIsSent", "TestTheMixinAlone"),
			holds:  in(driverTests, "TestNoWrongRowUnderConcurrency", "TestAnotherTenant/cache_statement"),
		},
		{
			id: "mixin-interceptor", removes: "the interceptor", held: rls,
			edits:  []edit{{mixinFile, "Traverse(ctx context.Context, q ent.Query) error {\n", "Traverse(ctx context.Context, q ent.Query) error {\n\tif true {\n\t\treturn nil\n\t}\n"}},
			caught: in(mixinTests, "TestWithoutATenantNothingIsSent", "TestTheMixinAlone"),
			holds:  in(driverTests, "TestNoWrongRowUnderConcurrency", "TestAnotherTenant/cache_statement"),
		},
		{
			id: "mixin-predicate", removes: "the predicate that confines queries, updates and deletes", held: "PostgreSQL isolates",
			edits:  []edit{{mixinFile, "s.Where(sql.EQ(s.C(TenantColumn), value))", "_, _ = s, value"}},
			caught: in(mixinTests, "TestTheMixinAlone"),
			holds:  in(driverTests, "TestNoWrongRowUnderConcurrency"),
		},
		{
			id:      "mixin-builder-predicates",
			removes: "that a builder's second run replaces the predicate of its first", held: "PostgreSQL isolates",
			edits:  []edit{{templateFile, "return reflect.ValueOf(old).Pointer() == code }", "return false && reflect.ValueOf(old).Pointer() == code }"}},
			caught: attackTests("entities", "Note/E15-builder-count", "Note/E15-builder-update", "Note/E15-builder-delete"),
			holds:  in(driverTests, "TestAnotherTenant/cache_statement"),
		},
		{
			id:      "mixin-builder-edges",
			removes: "that a query runs as a copy, so that its builder keeps no keys of the rows that were read", held: "PostgreSQL isolates",
			edits:  never(mixinFile, "if d, ok := q.(detachable); ok {"),
			caught: attackTests("entities", "Note/E15-builder-rows"),
			holds:  in(driverTests, "TestAnotherTenant/cache_statement"),
		},
		{
			id: "mixin-foreign-create", removes: "that a create cannot name another tenant", held: "PostgreSQL refuses the row",
			edits:  never(mixinFile, "if set != id.UUID() {"),
			caught: in(mixinTests, "TestACreateCannotNameAnotherTenant"),
			holds:  in(driverTests, "TestAnotherTenant/cache_statement"),
		},
	}
}

func contextSaboteurs() []saboteur {
	const file, contextTests = "tenancy/context.go", "tenancy"
	return []saboteur{
		{
			id: "context-switch", removes: "that a context keeps its tenant (With switches)", held: "a transaction still accepts only its tenant's statements",
			edits: []edit{{file, "return context.WithValue(ctx, bindingKey{}, binding{err: ErrTenantSwitch})", "return context.WithValue(ctx, bindingKey{}, binding{id: id})"}},
			caught: append(in(contextTests, "TestContext/another tenant"),
				in("channel/resolver", "TestResolve_ContextWithTenant")...),
			holds: in(driverTests, "TestTransaction/another tenant inside is refused"),
		},
		{
			id: "context-gin", removes: "that a *gin.Context is refused",
			edits:  never(file, "if ctx.Value(ginContextKey) != nil {"),
			caught: in(contextTests, "TestGinContextIsRefused"),
		},
		{
			id: "context-zero", removes: "that the zero ID is refused", held: "the driver sends it as no tenant",
			edits:  never(file, "case id.IsZero():"),
			caught: in(contextTests, "TestContext/the zero ID"),
		},
		{
			id: "context-detach", removes: "that detached work has no tenant",
			edits:  []edit{{file, "return context.WithValue(context.WithoutCancel(ctx), bindingKey{}, binding{err: ErrNoTenant})", "return context.WithoutCancel(ctx)"}},
			caught: in(contextTests, "TestContext/detached", "TestContext/another tenant, after a detach"),
		},
		{
			id: "context-spelling", removes: "that a tenant has one spelling",
			edits:  []edit{{"tenancy/id.go", "if err != nil || u.String() != s {", "if err != nil {"}},
			caught: in(contextTests, "TestParse"),
		},
		{
			id: "context-nil", removes: "that the nil UUID is no tenant", held: "the zero ID is refused wherever it is used",
			edits:  never("tenancy/id.go", "if u == uuid.Nil {"),
			caught: in(contextTests, "TestZeroID"),
		},
	}
}

func redisSaboteurs() []saboteur {
	const file, keyTests = "tenancy/rediskey/key.go", "tenancy/rediskey"
	return []saboteur{
		{
			id: "redis-no-tenant", removes: "the tenant in a key",
			edits:  []edit{{file, `tenant.String() + ":" + kind`, `kind`}},
			caught: in(keyTests, "TestKeys", "TestKeysRequireATenant", "FuzzKeys"),
		},
		{
			id: "redis-zero-tenant", removes: "that the zero ID has no keys",
			edits:  never(file, "if tenant.IsZero() {"),
			caught: in(keyTests, "TestKeysRequireATenant"),
		},
		{
			id: "redis-literal", removes: "the hash of a part that contains separators",
			edits:  []edit{{file, "if literal(part) {", "if true {"}},
			caught: in(keyTests, "TestKeys", "FuzzKeys"),
		},
		{
			id: "redis-mark", removes: "the mark that keeps hashed parts from literal ones",
			edits:  []edit{{file, `return "~" + hex`, `return hex`}},
			caught: in(keyTests, "TestKeys", "FuzzKeys"),
		},
		{
			id: "redis-empty-part", removes: "that the empty part is refused",
			edits:  never(file, `if part == "" {`),
			caught: in(keyTests, "TestKeysRequireATenant"),
		},
	}
}

func channelSaboteurs() []saboteur {
	const (
		file, resolverTests  = "channel/resolver/resolver.go", "channel/resolver"
		box, secretTests     = "channel/secrets/box.go", "channel/secrets"
		verifier, slackTests = "channel/slack/verify.go", "channel/slack"
	)
	trust := edit{file, "\t\tfound, err := r.confirm(ctx, w, tenant)\n\t\tif !errors", "\t\tfound, err := Resolution{Tenant: tenant}, error(nil)\n\t\tif !errors"}
	return []saboteur{
		{
			id: "resolver-no-reread", removes: "the check of a cached tenant against the connection",
			edits:  []edit{trust},
			caught: in(resolverTests, "TestResolve_WorkspaceMovesToAnotherTenant", "TestResolve/revoked connection, cached", "TestResolve/suspended tenant, cached"),
		},
		{
			id: "resolver-cache-key", removes: "the channel type in the cache key, where cached tenants are not checked",
			given: []edit{trust},
			edits: []edit{
				{file, "r.cache.Get(w)", "r.cache.Get(workspace{id: w.id})"},
				{file, "r.cache.Add(w, tenant)", "r.cache.Add(workspace{id: w.id}, tenant)"},
			},
			caught: in(resolverTests, "TestResolve/another channel type, cached"),
		},
		{
			id: "resolver-misses-kept", removes: "that an unknown workspace is looked up again",
			edits:  []edit{{file, "\ttenant, err := r.lookup(ctx, w)\n\tif err != nil {\n", "\ttenant, err := r.lookup(ctx, w)\n\tif err != nil {\n\t\tr.cache.Add(w, tenant)\n"}},
			caught: in(resolverTests, "TestResolve_MissIsNotCached"),
		},
		{
			id: "resolver-failure-as-unknown", removes: "the difference between an unknown workspace and a database error",
			edits:  []edit{{file, "\tcase err != nil:\n\t\treturn tenancy.ID{}, fmt.Errorf(\"resolver: look up workspace: %w\", err)\n", "\tcase err != nil:\n\t\treturn tenancy.ID{}, ErrUnknownWorkspace\n"}},
			caught: in(resolverTests, "TestResolve_DatabaseError"),
		},
		{
			id: "secrets-binding", removes: "tenant and connection in the associated data of a sealed secret",
			edits:  []edit{{box, "ref.Tenant.String(), ref.Connection.String(), ", ""}},
			caught: in(secretTests, "TestBox_OpenChecksAssociatedData/another tenant", "TestBox_OpenChecksAssociatedData/another connection"),
		},
		{
			id: "slack-signature", removes: "the check of Slack's signature",
			edits:  never(verifier, "if !hmac.Equal(claimed, v.sum(timestamp, body)) {"),
			caught: in(slackTests, "TestVerifier_Vectors", "TestVerifier_CoversTheWholeBody"),
		},
		{
			id: "slack-replay", removes: "the rejection of old Slack requests",
			edits:  []edit{{verifier, ".Abs() > Tolerance {", ".Abs() > 1000000*Tolerance {"}},
			caught: in(slackTests, "TestVerifier_Tolerance"),
		},
	}
}

func serverSaboteurs() []saboteur {
	const (
		serverTests, account = "server", "server/account/session.go"
		guard                = "server/guard.go"
	)
	return []saboteur{
		{
			id: "server-no-rule", removes: "that a route without an access rule does not start",
			edits:  []edit{{"server/route.go", "\tcase r.access == \"\":\n", "\tcase false:\n"}, {"server/route.go", "case !slices.Contains(", "case false && !slices.Contains("}},
			caught: in(serverTests, "TestRouteRequiresAccessRule"),
		},
		{
			id: "server-rule-not-asked", removes: "the rule of platform routes",
			edits:  never(guard, "if !principal.IsAdmin {"),
			caught: in(serverTests, "TestAccessMatrix"),
		},
		{
			id: "server-enter", removes: "that a tenant is not found without a role in it",
			edits:  []edit{{guard, `!p.IsAdmin && p.Role == "", `, ""}},
			caught: in(serverTests, "TestAccessMatrix"),
		},
		{
			id: "server-role", removes: "that a lower role is refused",
			edits:  []edit{{guard, "case !p.Role.Includes(account.Role(r.access)):", "case false:"}},
			caught: in(serverTests, "TestAccessMatrix"),
		},
		{
			id: "server-suspended", removes: "that a suspended tenant's members are refused",
			edits:  []edit{{guard, "case status == tenant.StatusSuspended:", "case false:"}},
			caught: in(serverTests, "TestSuspensionEndsAccess"),
		},
		{
			id: "server-purging", removes: "that a tenant that is being deleted is not changed",
			edits:  []edit{{guard, "case p.IsAdmin && status == tenant.StatusPurging && changes:", "case false && changes:"}},
			caught: in(serverTests, "TestSuspensionEndsAccess"),
		},
		{
			id: "server-waiting", removes: "that the rule is applied again when a change holds its locks",
			edits:  []edit{{"server/operation/table.go", "if s.Permitted == nil {", "if true {"}},
			caught: in(serverTests, "TestWaitingChangesOfFormerOwners", "TestWaitingChangesOfFormerAdmins", "TestDemotedWhileHashing"),
		},
		{
			id: "server-inviter", removes: "that an invitation ends with the inviter's access",
			edits:  []edit{{"server/operation/invitations.go", "AND (b.is_admin OR bm.role = 'owner'))`", "OR true)`"}},
			caught: in(serverTests, "TestInvitationsNeedTheirInviter"),
		},
		{
			id: "server-audit", removes: "the audit event of a platform admin who enters a tenant",
			edits:  never(guard, "if r.principal.IsAdmin {"),
			caught: in(serverTests, "TestTenantEntryIsAudited"),
		},
		{
			id: "server-event", removes: "the audit event of a change",
			edits:  []edit{{"server/change.go", "if err := s.record(ctx, r.op.OperationID); err != nil {", "if err := error(nil); err != nil {"}},
			caught: in(serverTests, "TestChangesAreAudited"),
		},
		{
			id: "server-idle", removes: "that an idle session ends",
			edits:  []edit{{account, " AND s.last_seen_at > $4", " AND $4::timestamptz IS NOT NULL"}},
			caught: in("server/account", "TestIdleSessionEnds"),
		},
		{
			id: "server-revocation", removes: "that a session's revocation is read",
			edits:  []edit{{account, "s.revoked_at IS NULL AND ", ""}},
			caught: in(serverTests, "TestUserChangesEndSessions"),
		},
		{
			id: "server-disabled", removes: "that a disabled user's session is rejected",
			edits:  []edit{{account, " AND u.disabled_at IS NULL`", "`"}},
			caught: in(serverTests, "TestPrincipalIsReadPerRequest"),
		},
		{
			id: "server-gate", removes: "that no tenant is served while the doctor has errors",
			edits:  []edit{{guard, "r.tenantTraffic && err != nil {", "false && r.tenantTraffic && err != nil {"}},
			caught: in(serverTests, "TestIsolationFindingBlocksTenants", "TestMissingIsolationCheckBlocksTenants"),
		},
		{
			id: "server-gin-fallback", removes: "that gin's contexts do not act as requests' contexts (ContextWithFallback on)",
			held:   "tenancy refuses a *gin.Context",
			edits:  []edit{{"server/router.go", "\tengine := gin.New()\n", "\tengine := gin.New()\n\tengine.ContextWithFallback = true\n"}},
			caught: in(serverTests, "TestGinContextFallbackIsOff"),
			holds:  in("tenancy", "TestGinContextIsRefused"),
		},
	}
}
