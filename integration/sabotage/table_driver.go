package main

const (
	driverTests = "tenancy/pgtenant"

	connFile      = "tenancy/pgtenant/connstate.go"
	pipelineFile  = "tenancy/pgtenant/pipeline.go"
	statementFile = "tenancy/pgtenant/statement.go"
	txFile        = "tenancy/pgtenant/tx.go"
	leaseFile     = "tenancy/pgtenant/lease.go"
	driverFile    = "tenancy/pgtenant/driver.go"
	errorsFile    = "tenancy/pgtenant/errors.go"
	rowsFile      = "tenancy/pgtenant/rows.go"
	intxFile      = "tenancy/pgtenant/intx.go"
	joiningFile   = "tenancy/pgtenant/joining.go"
	openFile      = "tenancy/pgtenant/open.go"
	limiterFile   = "tenancy/pgtenant/tenantlimiter.go"
)

func statementSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "driver-session-setting", removes: "that the tenant is set for a transaction, and not for the session",
			held: "the next statement sends its own tenant, or none",
			edits: []edit{
				{sessionFile, `const setTenant = "select set_config($1, $2, true)"`, `const setTenant = "select set_config($1, $2, false)"`},
				{sessionFile, "\t\"set_config($1, $2, true)\"\n", "\t\"set_config($1, $2, false)\"\n"},
			},
			caught: in(driverTests, "TestSettingEndsWithItsStatement/cache_statement"),
			holds:  in(driverTests, "TestPoisonedConnection/cache_statement", "TestWithoutATenant/cache_statement"),
		},
		{
			id: "driver-no-setting", removes: "the tenant of a statement (no set_config)", held: "without a tenant PostgreSQL returns no row and accepts none",
			edits:  []edit{{connFile, "append(c.bound[1][:0], tenant.String()...)", `append(c.bound[1][:0], ""...)`}},
			caught: in(driverTests, "TestPoisonedConnection/cache_statement", "TestQueryRow"),
		},
		{
			id:      "driver-no-empty-setting",
			removes: "the empty setting of a statement without a tenant, where the session's tenant is not checked",
			given:   []edit{unseenTenant()},
			edits:   []edit{{sessionFile, "\t\"set_config($1, $2, true)\"\n", "\t\"case when $2 <> '' then set_config($1, $2, true) end\"\n"}},
			caught:  in(driverTests, "TestPoisonedConnection/exec"), // reads are reset in cache_statement
		},
		{
			id: "driver-broken-context", removes: "that a broken context is refused",
			edits:  []edit{{driverFile, "\treturn id, err\n}\n\nfunc target", "\treturn id, nil\n}\n\nfunc target"}},
			caught: in(driverTests, "TestTransaction/a switched context inside is refused"),
		},
		{
			id: "driver-no-tenant-error", removes: "the typed error of a write without a tenant (ErrNoTenant)", held: "PostgreSQL refuses the write",
			edits:  never(errorsFile, "case err.Code == codeInsufficientPrivilege && tenant.IsZero():"),
			caught: in(driverTests, "TestWithoutATenant/cache_statement"),
		},
		{
			id: "driver-redaction", removes: "the redaction of PostgreSQL's DETAIL, HINT and CONTEXT",
			edits:  []edit{{errorsFile, "translateDatabase(ctx, tenant, e, redact(db))", "translateDatabase(ctx, tenant, e, db)"}},
			caught: in(driverTests, "TestErrorsCarryNoValues/cache_statement"),
		},
		{
			id: "driver-redaction-of-values", removes: "the redaction of messages that repeat a value",
			edits:  []edit{{errorsFile, `safe.Message = "invalid value"`, ""}},
			caught: in(driverTests, "TestErrorsCarryNoValues/cache_statement"),
		},
		{
			id: "driver-redaction-of-arguments", removes: "the redaction of arguments that can't be encoded",
			edits:  []edit{{errorsFile, `return fmt.Errorf("%w: argument at index %s", ErrArgument, index[1])`, `return err`}},
			caught: in(driverTests, "TestEncodingErrorsCarryNoValues/cache_statement"),
		},
		{
			id: "driver-simple-protocol", removes: "that query modes with several statements in one text are refused",
			edits:  never(openFile, "case !allowed:"),
			caught: in(driverTests, "TestUnsafeConfigurationIsRefused/simple protocol, by the URL"),
		},
		{
			id: "driver-presets", removes: "that a connection string that presets a tenant, or a role, is refused",
			held:   "the driver overrides the setting, and the doctor finds the preset",
			edits:  []edit{{openFile, "\t\tcase name == \"options\", name == \"role\"", "\t\tcase false && name == \"options\", name == \"no role\""}},
			caught: in(driverTests, "TestUnsafeConfigurationIsRefused/a tenant preset through options", "TestUnsafeConfigurationIsRefused/another role"),
		},
	}
}

func transactionSaboteurs() []saboteur {
	// A commit is stopped by the transaction's record and the connection's state, then by PostgreSQL's command tag.
	unasked := edit{txFile, "if err := t.mayCommit(); err != nil {", "if err := t.ctx.Err(); err != nil {"}
	return []saboteur{
		{
			id: "driver-foreign-statement", removes: "that a transaction accepts only its tenant's statements",
			edits: never(txFile, "case s.tenant != t.tenant:"),
			caught: in(driverTests, "TestTransaction/another tenant inside is refused",
				"TestTransaction/no tenant inside a tenant's transaction is refused", "TestTransactionWithoutATenant"),
		},
		{
			id: "driver-begin-by-flag", removes: "the check that a transaction is open after BEGIN",
			hangs:  true,
			edits:  []edit{{txFile, "\tif t.lease.status() != activeStatus {\n\t\treturn ErrTxAborted\n\t}\n", ""}},
			caught: in(driverTests, "TestFirstStatementFails/cache_statement by parse", "TestCommitAsStatement/commit"),
		},
		{
			id: "driver-failure-forgotten", removes: "a transaction's record of its failure", held: "the connection reports the failed transaction",
			edits: []edit{
				{txFile, "\tif state != nil {\n\t\tt.failed = err\n\t}\n", ""},
			},
			caught: in(driverTests, "TestAbortedTransactionNamesTheCause"),
			holds:  in(driverTests, "TestLaterStatementFails/cache_statement by parse", "TestFirstStatementFails/cache_statement by parse"),
		},
		{
			id: "driver-commit-tag", removes: "the check of the commit's tag, where nothing else stops the commit",
			given:  []edit{unasked},
			edits:  never(txFile, `if tag.String() != "COMMIT" {`),
			caught: in(driverTests, "TestLaterStatementFails/cache_statement in the server", "TestLaterStatementFails/exec by parse"),
		},
		{
			id: "driver-commit-after-end", removes: "that nothing is committed once its context has ended, where pgx would send the COMMIT",
			given:  []edit{{txFile, `t.command(t.ctx, "commit")`, `t.command(context.WithoutCancel(t.ctx), "commit")`}},
			edits:  []edit{{txFile, "case t.ctx.Err() != nil:\n\t\treturn fmt.Errorf(\"pgtenant: not committed", "case false:\n\t\treturn fmt.Errorf(\"pgtenant: not committed"}},
			caught: in(driverTests, "TestContextEndsBeforeCommit/cache_statement"),
		},
		{
			id: "driver-after-the-end", removes: "that a finished transaction stays finished (its connection is in use elsewhere)",
			edits:  []edit{{txFile, "\tcase t.done:\n\t\treturn o, sql.ErrTxDone\n", ""}},
			caught: in(driverTests, "TestTransactionIsOverOnce"),
		},
		{
			id: "driver-open-result", removes: "that a half-read result blocks its transaction",
			hangs:  true,
			edits:  []edit{{txFile, "\tcase t.open != nil:\n\t\treturn o, ErrRowsOpen\n", ""}},
			caught: in(driverTests, "TestResultLeftOpenInTransaction"),
		},
		{
			id: "driver-panic", removes: "the rollback of a unit of work that panics",
			hangs:  true,
			edits:  never(intxFile, "if !committed {"),
			caught: in(driverTests, "TestPanicRollsBack"),
		},
		{
			id: "driver-error-commits", removes: "the rollback of a unit of work that fails",
			edits:  []edit{{intxFile, "if rollback := tx.Rollback(); rollback != nil {", "if rollback := tx.Commit(); rollback != nil {"}},
			caught: in(driverTests, "TestTransaction/an error rolls back"),
		},
		{
			id: "driver-nested", removes: "that units of work are not nested",
			held:   "the driver refuses the second BEGIN of one context, too",
			edits:  never(intxFile, "if _, nested := ctx.Value(unitKey{}).(*unit); nested {"),
			caught: in(driverTests, "TestTransaction/a transaction inside is refused, the outer one continues"),
			holds:  in(driverTests, "TestTransaction/a transaction of the client's inside is refused"),
		},
		{
			id: "driver-pool-in-unit", removes: "that the pool is not used beside a unit of work",
			edits:  never(driverFile, "if inside(ctx, d) {"),
			caught: in(driverTests, "TestTransaction/the pool's client inside is refused"),
		},
		{
			id: "driver-joined-rollback", removes: "that the rollback of a transaction that joined another aborts that one",
			edits:  []edit{{joiningFile, "t.failed = cmp.Or(t.failed, errJoinedRollback)", "_ = errJoinedRollback"}},
			caught: in(driverTests, "TestJoining/a dropped error inside", "TestJoining/a recovered panic inside"),
		},
		{
			id: "driver-joined-tenant", removes: "that a transaction joins only one of its tenant", held: "the statements in it are refused",
			edits:  never(joiningFile, "case asked.tenant != t.tenant:"),
			caught: in(driverTests, "TestJoining/another tenant"),
			holds:  in(driverTests, "TestTransaction/another tenant inside is refused"),
		},
	}
}

func resultSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "driver-cancel-as-success", removes: "the error of a canceled statement",
			edits:  []edit{{errorsFile, `return fmt.Errorf("pgtenant: statement ended by its context: %w (%w, %w)", ctx.Err(), err, ErrNoEffect)`, "return nil"}},
			caught: in(driverTests, "TestCanceled/cache_statement", "TestDeadline"),
		},
		{
			id: "driver-time-out-as-cancel", removes: "the difference between the server's timeout and the caller's",
			edits: []edit{{
				errorsFile, "case err.Code == codeQueryCanceled && ctx.Err() != nil:\n\t\treturn",
				"case err.Code == codeQueryCanceled && ctx.Err() == nil:\n\t\treturn context.DeadlineExceeded\n\tcase err.Code == codeQueryCanceled:\n\t\treturn",
			}},
			caught: in(driverTests, "TestStatementTimeout"),
		},
		{
			id: "driver-commit-error", removes: "the error at commit of a statement",
			edits:  never(pipelineFile, "if late := a.pipeline.Close(); err == nil && late != nil {"),
			caught: in(driverTests, "TestErrorAtCommit"),
		},
		{
			id: "driver-write-half-read", removes: "that a write with rows is read to its end before it counts as done",
			hangs:  true,
			edits:  []edit{{statementFile, "r.open(writes)", "r.open(false)"}},
			caught: in(driverTests, "TestWriteIsCommittedWhenQueryReturns"),
		},
		{
			id: "driver-rows-after-the-end", removes: "that a result ends with its transaction",
			edits:  []edit{{rowsFile, "r.peeked, r.current, r.ahead = false, nil, nil", ""}},
			caught: in(driverTests, "TestResultEndsWithItsTransaction"),
		},
		{
			id: "driver-first-row", removes: "that the first row is read eagerly, so that an error replaces it",
			edits: []edit{{
				rowsFile, "func (r *rowReader) open(all bool) error {\n",
				"func (r *rowReader) open(all bool) error {\n\tif !all {\n\t\treturn nil\n\t}\n",
			}},
			caught: in(driverTests, "TestFirstStatementFails/cache_describe in the server", "TestFirstStatementFails/exec in the server"),
		},
		{
			id: "driver-error-in-the-middle", removes: "the error of an incomplete result",
			edits:  []edit{{rowsFile, "\tdefer r.mu.Unlock()\n\treturn r.err\n", "\tdefer r.mu.Unlock()\n\treturn nil\n"}},
			caught: in(driverTests, "TestFailureInTheMiddleOfAResult/cache_statement", "TestCancelInTheMiddleOfAResult/cache_statement"),
		},
	}
}

func poolSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "driver-left-open", removes: "the error of a statement that leaves a transaction open", held: "the pool destroys the connection",
			edits:  never(leaseFile, "if l.status() != idleStatus {"),
			caught: in(driverTests, "TestStatementThatLeavesATransactionOpen"),
		},
		{
			id: "driver-no-rollback", removes: "ROLLBACK itself", held: "the pool destroys the connection, and PostgreSQL rolls back",
			edits:  []edit{{txFile, "t.command(ctx, \"rollback\")", "t.command(ctx, \"select 1\")"}},
			caught: in(driverTests, "TestRollbackKeepsItsConnection"),
			holds:  in(driverTests, "TestTransaction/an error rolls back", "TestPanicRollsBack"),
		},
		{
			id: "driver-share", removes: "the per-tenant limit of the pool",
			edits:  []edit{{limiterFile, "\tif tenant.IsZero() {\n\t\treturn nil, nil", "\tif true || tenant.IsZero() {\n\t\treturn nil, nil"}},
			caught: in(driverTests, "TestTenantLimit"),
		},
	}
}
