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
	openFile      = "tenancy/pgtenant/open.go"
	limiterFile   = "tenancy/pgtenant/tenantlimiter.go"
)

func statementSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "driver-session-setting", layer: layerDriver, removes: "that the tenant is set for a transaction, and not for the session",
			held: "the next statement sends its own tenant, or none",
			code: &code{
				edits: []edit{
					{sessionFile, `const setTenant = "select set_config($1, $2, true)"`, `const setTenant = "select set_config($1, $2, false)"`},
					{sessionFile, "\t\"set_config($1, $2, true)\"\n", "\t\"set_config($1, $2, false)\"\n"},
				},
				caught: in(driverTests, "TestSettingEndsWithItsStatement/cache_statement"),
				holds:  in(driverTests, "TestPoisonedConnection/cache_statement", "TestWithoutATenant/cache_statement"),
			},
		},
		{
			id: "driver-no-setting", layer: layerDriver, removes: "the tenant of a statement (no set_config)", held: "without a tenant PostgreSQL returns no row and accepts none",
			code: &code{
				edits:  []edit{{connFile, "append(c.bound[1][:0], tenant.String()...)", `append(c.bound[1][:0], ""...)`}},
				caught: in(driverTests, "TestPoisonedConnection/cache_statement", "TestQueryRow"),
			},
		},
		{
			id: "driver-no-empty-setting", layer: layerDriver,
			removes: "the empty setting of a statement without a tenant, where the session's tenant is not checked",
			code: &code{
				given:  []edit{unseenTenant()},
				edits:  []edit{{sessionFile, "\t\"set_config($1, $2, true)\"\n", "\t\"case when $2 <> '' then set_config($1, $2, true) end\"\n"}},
				caught: in(driverTests, "TestPoisonedConnection/exec"), // reads are reset in cache_statement
			},
		},
		{
			id: "driver-broken-context", layer: layerDriver, removes: "that a broken context is refused",
			code: &code{
				edits:  []edit{{driverFile, "\treturn id, err\n}\n\nfunc target", "\treturn id, nil\n}\n\nfunc target"}},
				caught: in(driverTests, "TestTransaction/a switched context inside is refused"),
			},
		},
		{
			id: "driver-no-tenant-error", layer: layerDriver, removes: "the typed error of a write without a tenant (ErrNoTenant)", held: "PostgreSQL refuses the write",
			code: &code{
				edits:  []edit{{errorsFile, "case err.Code == codeInsufficientPrivilege && tenant.IsZero():", "case false:"}},
				caught: in(driverTests, "TestWithoutATenant/cache_statement"),
			},
		},
		{
			id: "driver-redaction", layer: layerDriver, removes: "the redaction of PostgreSQL's DETAIL, HINT and CONTEXT",
			code: &code{
				edits:  []edit{{errorsFile, "translateDatabase(ctx, tenant, e, redact(db))", "translateDatabase(ctx, tenant, e, db)"}},
				caught: in(driverTests, "TestErrorsCarryNoValues/cache_statement"),
			},
		},
		{
			id: "driver-redaction-of-values", layer: layerDriver, removes: "the redaction of messages that repeat a value",
			code: &code{
				edits:  []edit{{errorsFile, `safe.Message = "invalid value"`, ""}},
				caught: in(driverTests, "TestErrorsCarryNoValues/cache_statement"),
			},
		},
		{
			id: "driver-redaction-of-arguments", layer: layerDriver, removes: "the redaction of arguments that can't be encoded",
			code: &code{
				edits:  []edit{{errorsFile, `return fmt.Errorf("%w: argument at index %s", ErrArgument, index[1])`, `return err`}},
				caught: in(driverTests, "TestEncodingErrorsCarryNoValues/cache_statement"),
			},
		},
		{
			id: "driver-simple-protocol", layer: layerDriver, removes: "that query modes with several statements in one text are refused",
			code: &code{
				edits:  []edit{{openFile, "\tcase !allowed:", "\tcase false && !allowed:"}},
				caught: in(driverTests, "TestUnsafeConfigurationIsRefused/simple protocol, by the URL"),
			},
		},
		{
			id: "driver-presets", layer: layerDriver, removes: "that a connection string that presets a tenant, or a role, is refused",
			held: "the driver overrides the setting, and the doctor finds the preset",
			code: &code{
				edits:  []edit{{openFile, "\t\tcase name == \"options\", name == \"role\"", "\t\tcase false && name == \"options\", name == \"no role\""}},
				caught: in(driverTests, "TestUnsafeConfigurationIsRefused/a tenant preset through options", "TestUnsafeConfigurationIsRefused/another role"),
			},
		},
	}
}

func transactionSaboteurs() []saboteur {
	// A commit is stopped by the transaction's record and the connection's state, then by PostgreSQL's command tag.
	unasked := edit{txFile, "if err := t.mayCommit(); err != nil {", "if err := t.ctx.Err(); err != nil {"}
	return []saboteur{
		{
			id: "driver-foreign-statement", layer: layerDriver, removes: "that a transaction accepts only its tenant's statements",
			code: &code{
				edits: []edit{{txFile, "case s.tenant != t.tenant:", "case false:"}},
				caught: in(driverTests, "TestTransaction/another tenant inside is refused",
					"TestTransaction/no tenant inside a tenant's transaction is refused", "TestTransactionWithoutATenant"),
			},
		},
		{
			id: "driver-begin-by-flag", layer: layerDriver, removes: "the check that a transaction is open after BEGIN",
			code: &code{
				hangs:  true,
				edits:  []edit{{txFile, "\tif t.lease.status() != activeStatus {\n\t\treturn ErrTxAborted\n\t}\n", ""}},
				caught: in(driverTests, "TestFirstStatementFails/cache_statement by parse", "TestCommitAsStatement/commit"),
			},
		},
		{
			id: "driver-failure-forgotten", layer: layerDriver, removes: "a transaction's record of its failure", held: "the connection reports the failed transaction",
			code: &code{
				edits: []edit{
					{txFile, "\tif state != nil {\n\t\tt.failed = err\n\t}\n", ""},
				},
				caught: in(driverTests, "TestAbortedTransactionNamesTheCause"),
				holds:  in(driverTests, "TestLaterStatementFails/cache_statement by parse", "TestFirstStatementFails/cache_statement by parse"),
			},
		},
		{
			id: "driver-commit-tag", layer: layerDriver, removes: "the check of the commit's tag, where nothing else stops the commit",
			code: &code{
				given:  []edit{unasked},
				edits:  []edit{{txFile, `if tag.String() != "COMMIT" {`, `if false && tag.String() != "COMMIT" {`}},
				caught: in(driverTests, "TestLaterStatementFails/cache_statement in the server", "TestLaterStatementFails/exec by parse"),
			},
		},
		{
			id: "driver-commit-after-end", layer: layerDriver, removes: "that nothing is committed once its context has ended, where pgx would send the COMMIT",
			code: &code{
				given:  []edit{{txFile, `t.command(t.ctx, "commit")`, `t.command(context.WithoutCancel(t.ctx), "commit")`}},
				edits:  []edit{{txFile, "case t.ctx.Err() != nil:\n\t\treturn fmt.Errorf(\"pgtenant: not committed", "case false:\n\t\treturn fmt.Errorf(\"pgtenant: not committed"}},
				caught: in(driverTests, "TestContextEndsBeforeCommit/cache_statement"),
			},
		},
		{
			id: "driver-after-the-end", layer: layerDriver, removes: "that a finished transaction stays finished (its connection is in use elsewhere)",
			code: &code{
				edits:  []edit{{txFile, "\tcase t.done:\n\t\treturn o, sql.ErrTxDone\n", ""}},
				caught: in(driverTests, "TestTransactionIsOverOnce"),
			},
		},
		{
			id: "driver-open-result", layer: layerDriver, removes: "that a half-read result blocks its transaction",
			code: &code{
				hangs:  true,
				edits:  []edit{{txFile, "\tcase t.open != nil:\n\t\treturn o, ErrRowsOpen\n", ""}},
				caught: in(driverTests, "TestResultLeftOpenInTransaction"),
			},
		},
		{
			id: "driver-panic", layer: layerDriver, removes: "the rollback of a unit of work that panics",
			code: &code{
				hangs:  true,
				edits:  []edit{{intxFile, "\t\tif !committed {", "\t\tif false && !committed {"}},
				caught: in(driverTests, "TestPanicRollsBack"),
			},
		},
		{
			id: "driver-error-commits", layer: layerDriver, removes: "the rollback of a unit of work that fails",
			code: &code{
				edits:  []edit{{intxFile, "if rollback := tx.Rollback(); rollback != nil {", "if rollback := tx.Commit(); rollback != nil {"}},
				caught: in(driverTests, "TestTransaction/an error rolls back"),
			},
		},
		{
			id: "driver-nested", layer: layerDriver, removes: "that units of work are not nested",
			held: "the driver refuses the second BEGIN of one context, too",
			code: &code{
				edits:  []edit{{intxFile, "ctx.Value(unitKey{}).(*unit); nested {", "ctx.Value(unitKey{}).(*unit); nested && false {"}},
				caught: in(driverTests, "TestTransaction/a transaction inside is refused, the outer one continues"),
				holds:  in(driverTests, "TestTransaction/a transaction of the client's inside is refused"),
			},
		},
		{
			id: "driver-pool-in-unit", layer: layerDriver, removes: "that the pool is not used beside a unit of work",
			code: &code{
				edits:  []edit{{driverFile, "if inside(ctx, d) {", "if false && inside(ctx, d) {"}},
				caught: in(driverTests, "TestTransaction/the pool's client inside is refused"),
			},
		},
	}
}

func resultSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "driver-cancel-as-success", layer: layerDriver, removes: "the error of a canceled statement",
			code: &code{
				edits:  []edit{{errorsFile, `return fmt.Errorf("pgtenant: statement ended by its context: %w (%w, %w)", ctx.Err(), err, ErrNoEffect)`, "return nil"}},
				caught: in(driverTests, "TestCanceled/cache_statement", "TestDeadline"),
			},
		},
		{
			id: "driver-time-out-as-cancel", layer: layerDriver, removes: "the difference between the server's timeout and the caller's",
			code: &code{
				edits: []edit{{
					errorsFile, "case err.Code == codeQueryCanceled && ctx.Err() != nil:\n\t\treturn",
					"case err.Code == codeQueryCanceled && ctx.Err() == nil:\n\t\treturn context.DeadlineExceeded\n\tcase err.Code == codeQueryCanceled:\n\t\treturn",
				}},
				caught: in(driverTests, "TestStatementTimeout"),
			},
		},
		{
			id: "driver-commit-error", layer: layerDriver, removes: "the error at commit of a statement",
			code: &code{
				edits:  []edit{{pipelineFile, "if late := a.pipeline.Close(); err == nil && late != nil {", "if late := a.pipeline.Close(); false && late != nil {"}},
				caught: in(driverTests, "TestErrorAtCommit"),
			},
		},
		{
			id: "driver-write-half-read", layer: layerDriver, removes: "that a write with rows is read to its end before it counts as done",
			code: &code{
				hangs:  true,
				edits:  []edit{{statementFile, "r.open(writes)", "r.open(false)"}},
				caught: in(driverTests, "TestWriteIsCommittedWhenQueryReturns"),
			},
		},
		{
			id: "driver-rows-after-the-end", layer: layerDriver, removes: "that a result ends with its transaction",
			code: &code{
				edits:  []edit{{rowsFile, "r.peeked, r.current, r.ahead = false, nil, nil", ""}},
				caught: in(driverTests, "TestResultEndsWithItsTransaction"),
			},
		},
		{
			id: "driver-first-row", layer: layerDriver, removes: "that the first row is read eagerly, so that an error replaces it",
			code: &code{
				edits: []edit{{
					rowsFile, "func (r *rowReader) open(all bool) error {\n",
					"func (r *rowReader) open(all bool) error {\n\tif !all {\n\t\treturn nil\n\t}\n",
				}},
				caught: in(driverTests, "TestFirstStatementFails/cache_describe in the server", "TestFirstStatementFails/exec in the server"),
			},
		},
		{
			id: "driver-error-in-the-middle", layer: layerDriver, removes: "the error of an incomplete result",
			code: &code{
				edits:  []edit{{rowsFile, "\tdefer r.mu.Unlock()\n\treturn r.err\n", "\tdefer r.mu.Unlock()\n\treturn nil\n"}},
				caught: in(driverTests, "TestFailureInTheMiddleOfAResult/cache_statement", "TestCancelInTheMiddleOfAResult/cache_statement"),
			},
		},
	}
}

func poolSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "driver-left-open", layer: layerDriver, removes: "the error of a statement that leaves a transaction open", held: "the pool destroys the connection",
			code: &code{
				edits:  []edit{{leaseFile, "\tif l.status() != idleStatus {", "\tif false && l.status() != idleStatus {"}},
				caught: in(driverTests, "TestStatementThatLeavesATransactionOpen"),
			},
		},
		{
			id: "driver-no-rollback", layer: layerDriver, removes: "ROLLBACK itself", held: "the pool destroys the connection, and PostgreSQL rolls back",
			code: &code{
				edits:  []edit{{txFile, "t.command(ctx, \"rollback\")", "t.command(ctx, \"select 1\")"}},
				caught: in(driverTests, "TestRollbackKeepsItsConnection"),
				holds:  in(driverTests, "TestTransaction/an error rolls back", "TestPanicRollsBack"),
			},
		},
		{
			id: "driver-share", layer: layerDriver, removes: "the per-tenant limit of the pool",
			code: &code{
				edits:  []edit{{limiterFile, "\tif tenant.IsZero() {\n\t\treturn nil, nil", "\tif true || tenant.IsZero() {\n\t\treturn nil, nil"}},
				caught: in(driverTests, "TestTenantLimit"),
			},
		},
	}
}
