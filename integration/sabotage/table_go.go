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
			id: "mixin-hook", layer: layerMixin, removes: "the hook", held: "PostgreSQL sets and checks the tenant; only the early, typed error is lost",
			code: &code{
				edits:  []edit{{mixinFile, "func confineMutations(next ent.Mutator) ent.Mutator {\n", "func confineMutations(next ent.Mutator) ent.Mutator {\n\tif true {\n\t\treturn next\n\t}\n"}},
				caught: in(mixinTests, "TestWithoutATenantNothingIsSent", "TestTheMixinAlone"),
				holds:  in(driverTests, "TestNoWrongRowUnderConcurrency", "TestAnotherTenant/cache_statement"),
			},
		},
		{
			id: "mixin-interceptor", layer: layerMixin, removes: "the interceptor", held: rls,
			code: &code{
				edits:  []edit{{mixinFile, "Traverse(ctx context.Context, q ent.Query) error {\n", "Traverse(ctx context.Context, q ent.Query) error {\n\tif true {\n\t\treturn nil\n\t}\n"}},
				caught: in(mixinTests, "TestWithoutATenantNothingIsSent", "TestTheMixinAlone"),
				holds:  in(driverTests, "TestNoWrongRowUnderConcurrency", "TestAnotherTenant/cache_statement"),
			},
		},
		{
			id: "mixin-predicate", layer: layerMixin, removes: "the predicate that confines queries, updates and deletes", held: "PostgreSQL isolates",
			code: &code{
				edits:  []edit{{mixinFile, "s.Where(sql.EQ(s.C(TenantColumn), value))", "_, _ = s, value"}},
				caught: in(mixinTests, "TestTheMixinAlone"),
				holds:  in(driverTests, "TestNoWrongRowUnderConcurrency"),
			},
		},
		{
			id: "mixin-builder-predicates", layer: layerMixin,
			removes: "that a builder's second run replaces the predicate of its first", held: "PostgreSQL isolates",
			code: &code{
				edits:  []edit{{templateFile, "return reflect.ValueOf(old).Pointer() == code }", "return false && reflect.ValueOf(old).Pointer() == code }"}},
				caught: attackTests("entities", "Note/E15-builder-count", "Note/E15-builder-update", "Note/E15-builder-delete"),
				holds:  in(driverTests, "TestAnotherTenant/cache_statement"),
			},
		},
		{
			id: "mixin-builder-edges", layer: layerMixin,
			removes: "that a query runs as a copy, so that its builder keeps no keys of the rows that were read", held: "PostgreSQL isolates",
			code: &code{
				edits:  []edit{{mixinFile, "if d, ok := q.(detachable); ok {", "if d, ok := q.(detachable); ok && false {"}},
				caught: attackTests("entities", "Note/E15-builder-rows"),
				holds:  in(driverTests, "TestAnotherTenant/cache_statement"),
			},
		},
		{
			id: "mixin-foreign-create", layer: layerMixin, removes: "that a create cannot name another tenant", held: "PostgreSQL refuses the row",
			code: &code{
				edits:  []edit{{mixinFile, "\t\tif set != id.UUID() {", "\t\tif false && set != id.UUID() {"}},
				caught: in(mixinTests, "TestACreateCannotNameAnotherTenant"),
				holds:  in(driverTests, "TestAnotherTenant/cache_statement"),
			},
		},
	}
}

func contextSaboteurs() []saboteur {
	const file, contextTests = "tenancy/context.go", "tenancy"
	return []saboteur{
		{
			id: "context-switch", layer: layerContext, removes: "that a context keeps its tenant (With switches)", held: "a transaction still accepts only its tenant's statements",
			code: &code{
				edits: []edit{{file, "return context.WithValue(ctx, bindingKey{}, binding{err: ErrTenantSwitch})", "return context.WithValue(ctx, bindingKey{}, binding{id: id})"}},
				caught: append(in(contextTests, "TestContext/another tenant"),
					in("channel/resolver", "TestResolve_ContextWithTenant")...),
				holds: in(driverTests, "TestTransaction/another tenant inside is refused"),
			},
		},
		{
			id: "context-gin", layer: layerContext, removes: "that a *gin.Context is refused",
			code: &code{
				edits:  []edit{{file, "if ctx.Value(ginContextKey) != nil {", "if false {"}},
				caught: in(contextTests, "TestGinContextIsRefused"),
			},
		},
		{
			id: "context-zero", layer: layerContext, removes: "that the zero ID is refused", held: "the driver sends it as no tenant",
			code: &code{
				edits:  []edit{{file, "case id.IsZero():", "case false:"}},
				caught: in(contextTests, "TestContext/the zero ID"),
			},
		},
		{
			id: "context-detach", layer: layerContext, removes: "that detached work has no tenant",
			code: &code{
				edits:  []edit{{file, "return context.WithValue(context.WithoutCancel(ctx), bindingKey{}, binding{err: ErrNoTenant})", "return context.WithoutCancel(ctx)"}},
				caught: in(contextTests, "TestContext/detached", "TestContext/another tenant, after a detach"),
			},
		},
		{
			id: "context-spelling", layer: layerContext, removes: "that a tenant has one spelling",
			code: &code{
				edits:  []edit{{"tenancy/id.go", "if err != nil || u.String() != s {", "if err != nil {"}},
				caught: in(contextTests, "TestParse"),
			},
		},
		{
			id: "context-nil", layer: layerContext, removes: "that the nil UUID is no tenant", held: "the zero ID is refused wherever it is used",
			code: &code{
				edits:  []edit{{"tenancy/id.go", "if u == uuid.Nil {", "if false {"}},
				caught: in(contextTests, "TestZeroID"),
			},
		},
	}
}

func redisSaboteurs() []saboteur {
	const file, keyTests = "tenancy/rediskey/key.go", "tenancy/rediskey"
	return []saboteur{
		{
			id: "redis-no-tenant", layer: layerRedis, removes: "the tenant in a key",
			code: &code{
				edits:  []edit{{file, `tenant.String() + ":" + kind`, `kind`}},
				caught: in(keyTests, "TestKeys", "TestKeysRequireATenant", "FuzzKeys"),
			},
		},
		{
			id: "redis-zero-tenant", layer: layerRedis, removes: "that the zero ID has no keys",
			code: &code{
				edits:  []edit{{file, "if tenant.IsZero() {", "if false {"}},
				caught: in(keyTests, "TestKeysRequireATenant"),
			},
		},
		{
			id: "redis-literal", layer: layerRedis, removes: "the hash of a part that contains separators",
			code: &code{
				edits:  []edit{{file, "if literal(part) {", "if true {"}},
				caught: in(keyTests, "TestKeys", "FuzzKeys"),
			},
		},
		{
			id: "redis-mark", layer: layerRedis, removes: "the mark that keeps hashed parts from literal ones",
			code: &code{
				edits:  []edit{{file, `return "~" + hex`, `return hex`}},
				caught: in(keyTests, "TestKeys", "FuzzKeys"),
			},
		},
		{
			id: "redis-empty-part", layer: layerRedis, removes: "that the empty part is refused",
			code: &code{
				edits:  []edit{{file, `if part == "" {`, "if false {"}},
				caught: in(keyTests, "TestKeysRequireATenant"),
			},
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
			id: "resolver-no-reread", layer: layerChannel, removes: "the check of a cached tenant against the connection",
			code: &code{
				edits:  []edit{trust},
				caught: in(resolverTests, "TestResolve_WorkspaceMovesToAnotherTenant", "TestResolve/revoked connection, cached", "TestResolve/suspended tenant, cached"),
			},
		},
		{
			id: "resolver-cache-key", layer: layerChannel, removes: "the channel type in the cache key, where cached tenants are not checked",
			code: &code{
				given: []edit{trust},
				edits: []edit{
					{file, "r.cache.Get(w)", "r.cache.Get(workspace{id: w.id})"},
					{file, "r.cache.Add(w, tenant)", "r.cache.Add(workspace{id: w.id}, tenant)"},
				},
				caught: in(resolverTests, "TestResolve/another channel type, cached"),
			},
		},
		{
			id: "resolver-misses-kept", layer: layerChannel, removes: "that an unknown workspace is looked up again",
			code: &code{
				edits:  []edit{{file, "\ttenant, err := r.lookup(ctx, w)\n\tif err != nil {\n", "\ttenant, err := r.lookup(ctx, w)\n\tif err != nil {\n\t\tr.cache.Add(w, tenant)\n"}},
				caught: in(resolverTests, "TestResolve_MissIsNotCached"),
			},
		},
		{
			id: "resolver-failure-as-unknown", layer: layerChannel, removes: "the difference between an unknown workspace and a database error",
			code: &code{
				edits:  []edit{{file, "\tcase err != nil:\n\t\treturn tenancy.ID{}, fmt.Errorf(\"resolver: look up workspace: %w\", err)\n", "\tcase err != nil:\n\t\treturn tenancy.ID{}, ErrUnknownWorkspace\n"}},
				caught: in(resolverTests, "TestResolve_DatabaseError"),
			},
		},
		{
			id: "secrets-binding", layer: layerChannel, removes: "tenant and connection in the associated data of a sealed secret",
			code: &code{
				edits:  []edit{{box, "ref.Tenant.String(), ref.Connection.String(), ", ""}},
				caught: in(secretTests, "TestBox_OpenChecksAssociatedData/another tenant", "TestBox_OpenChecksAssociatedData/another connection"),
			},
		},
		{
			id: "slack-signature", layer: layerChannel, removes: "the check of Slack's signature",
			code: &code{
				edits:  []edit{{verifier, "if !hmac.Equal(claimed, v.sum(timestamp, body)) {", "if false && !hmac.Equal(claimed, v.sum(timestamp, body)) {"}},
				caught: in(slackTests, "TestVerifier_Vectors", "TestVerifier_CoversTheWholeBody"),
			},
		},
		{
			id: "slack-replay", layer: layerChannel, removes: "the rejection of old Slack requests",
			code: &code{
				edits:  []edit{{verifier, ".Abs() > Tolerance {", ".Abs() > 1000000*Tolerance {"}},
				caught: in(slackTests, "TestVerifier_Tolerance"),
			},
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
			id: "server-no-rule", layer: layerServer, removes: "that a route without an access rule does not start",
			code: &code{
				edits:  []edit{{"server/route.go", "\tcase r.access == \"\":\n", "\tcase false:\n"}, {"server/route.go", "case !slices.Contains(", "case false && !slices.Contains("}},
				caught: in(serverTests, "TestRouteRequiresAccessRule"),
			},
		},
		{
			id: "server-rule-not-asked", layer: layerServer, removes: "the rule of platform routes",
			code: &code{
				edits:  []edit{{guard, "\t\tif !principal.IsAdmin {", "\t\tif false && !principal.IsAdmin {"}},
				caught: in(serverTests, "TestAccessMatrix"),
			},
		},
		{
			id: "server-enter", layer: layerServer, removes: "the rule of tenants' routes",
			code: &code{
				edits:  []edit{{guard, "\t\tif !mayEnter(principal) {", "\t\tif false && !mayEnter(principal) {"}},
				caught: in(serverTests, "TestAccessMatrix"),
			},
		},
		{
			id: "server-audit", layer: layerServer, removes: "the audit line of a platform admin who enters a tenant",
			code: &code{
				edits:  []edit{{"server/audit.go", `"audit: tenant entered"`, `"entered"`}},
				caught: in(serverTests, "TestTenantEntryIsAudited"),
			},
		},
		{
			id: "server-revocation", layer: layerServer, removes: "that a session's revocation is read",
			code: &code{
				edits:  []edit{{account, "s.revoked_at IS NULL AND ", ""}},
				caught: in(serverTests, "TestUserChangesEndSessions"),
			},
		},
		{
			id: "server-disabled", layer: layerServer, removes: "that a disabled user's session is rejected",
			code: &code{
				edits:  []edit{{account, " AND u.disabled_at IS NULL`", "`"}},
				caught: in(serverTests, "TestPrincipalIsReadPerRequest"),
			},
		},
		{
			id: "server-gate", layer: layerServer, removes: "that no tenant is served while the doctor has errors",
			code: &code{
				edits:  []edit{{guard, "r.tenantTraffic && err != nil {", "false && r.tenantTraffic && err != nil {"}},
				caught: in(serverTests, "TestIsolationFindingBlocksTenants", "TestMissingIsolationCheckBlocksTenants"),
			},
		},
		{
			id: "server-gin-fallback", layer: layerServer, removes: "that gin's contexts do not act as requests' contexts (ContextWithFallback on)",
			held: "tenancy refuses a *gin.Context",
			code: &code{
				edits:  []edit{{"server/router.go", "\tengine := gin.New()\n", "\tengine := gin.New()\n\tengine.ContextWithFallback = true\n"}},
				caught: in(serverTests, "TestGinContextFallbackIsOff"),
				holds:  in("tenancy", "TestGinContextIsRefused"),
			},
		},
	}
}
