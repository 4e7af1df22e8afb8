package main

const (
	sessionFile = "tenancy/pgtenant/session.go"
	againFile   = "tenancy/pgtenant/retry.go"
	outcomeFile = "tenancy/pgtenant/outcome.go"

	kitTests = "integration/isolation"
)

func attackTests(family string, attacks ...string) []testName {
	tests := make([]string, len(attacks))
	for i, a := range attacks {
		tests[i] = "TestIsolation/attacks/" + family + "/" + a
	}
	return in(kitTests, tests...)
}

// unseenTenant removes the session's tenant from the check.
func unseenTenant() edit {
	return edit{sessionFile, "coalesce(current_setting('\" + rls.Setting + \"', true), '')", "'\" + rls.Setting + \"'"}
}

func sessionSaboteurs() []saboteur {
	unchecked := func(name string) []edit { return []edit{{sessionFile, `"` + name + `", `, ""}} }
	return []saboteur{
		{
			id: "driver-session-check", removes: "the check of the session's settings before a statement",
			edits: []edit{{connFile, "\tcase !o.check:", "\tcase true || !o.check:"}},
			caught: append(in(driverTests, "TestChangedSessionIsReplaced/cache_statement", "TestChangedSessionServesUnknownStatements/exec"),
				attackTests("session", "A69-every-setting", "A69-effects", "A69-by-function")...),
		},
		{
			id: "driver-session-reset-behind-reads", removes: "the reset of a session after a read",
			edits:  []edit{{pipelineFile, "\t\tc.own[resetAll].queue(p, nil, nil)\n", ""}},
			caught: in(driverTests, "TestReadsResetTheirSession"),
		},
		{
			id: "driver-session-reset-used-up", removes: "that a reset is valid for one use of the connection",
			edits:  []edit{{connFile, "c.clean, c.reset = c.reset, false", "c.clean = c.reset"}},
			caught: in(driverTests, "TestReadsResetTheirSession"),
		},
		{
			id: "driver-session-check-in-transaction", removes: "the same check before a transaction's first statement",
			edits:  []edit{{txFile, "return opening{begin: t.begin, check: true}, err", "return opening{begin: t.begin}, err"}},
			caught: in(driverTests, "TestChangedSessionDoesNotReachATransaction/cache_statement"),
		},
		{
			id: "driver-session-visibility", removes: "a setting that hides rows (row_security) from the check",
			edits: unchecked("row_security"),
			caught: append(in(driverTests, "TestChangedSessionIsReplaced/cache_statement"),
				attackTests("session", "A69-every-setting", "A69-effects")...),
		},
		{
			id: "driver-session-values", removes: "a setting that changes stored text (client_encoding) from the check",
			edits: []edit{{sessionFile, "pg_client_encoding(), ", ""}},
			caught: append(in(driverTests, "TestChangedSessionIsReplaced/cache_statement"),
				attackTests("session", "A69-every-setting", "A69-effects")...),
		},
		{
			id: "driver-session-limits", removes: "a time limit (statement_timeout) from the check",
			edits: unchecked("statement_timeout"),
			caught: append(in(driverTests, "TestChangedSessionIsReplaced/cache_statement"),
				attackTests("session", "A69-every-setting", "A69-effects", "A69-in-transaction")...),
		},
		{
			id:      "driver-session-logged-values",
			removes: "a setting that logs bound values (log_parameter_max_length_on_error) from the check",
			edits:   unchecked("log_parameter_max_length_on_error"),
			caught:  attackTests("session", "A69-every-setting"),
		},
		{
			id: "driver-session-tenant", removes: "the session's tenant from the check",
			held:   "each statement sets its own tenant, or the empty one",
			edits:  []edit{unseenTenant()},
			caught: in(driverTests, "TestChangedSessionIsReplaced/cache_statement"),
			holds:  append(in(driverTests, "TestPoisonedConnection/cache_statement"), attackTests("leftovers", "A29-poisoned")...),
		},
		{
			id: "driver-session-kept", removes: "that a changed session's connection is destroyed",
			held:   "the session is reset before the statement is sent again",
			edits:  never(againFile, "if r == retryOnNewConn {"),
			caught: in(driverTests, "TestChangedSessionIsReplaced/cache_statement"),
			holds:  in(driverTests, "TestChangedSessionDoesNotReachATransaction/cache_statement"),
		},
		{
			id: "driver-session-reset", removes: "RESET ALL before a statement that is sent again in the same session",
			edits:  []edit{{sessionFile, `statements := []string{"begin", "reset all", "reset role"}`, `statements := []string{"begin"}`}},
			caught: in(driverTests, "TestChangedSessionServesUnknownStatements/cache_statement"),
		},
		{
			id: "driver-session-unprepared", removes: "the retry where a changed session finds no table to prepare a statement for",
			held:   "the statement fails, and nothing has run",
			edits:  []edit{{statementFile, "\t\treturn retryUnprepared\n", "\t\treturn noRetry\n"}},
			caught: in(driverTests, "TestChangedSessionServesUnknownStatements/cache_statement"),
			holds:  in(driverTests, "TestPoisonedConnection/cache_statement"),
		},
		{
			id:      "driver-encoding",
			removes: "the encoding and the time zone that every connection asks for, where a reset does not set them either",
			given:   []edit{{sessionFile, "for name, value := range pinned() {", "for name, value := range map[string]string{} {"}},
			edits:   []edit{{openFile, "\tpin(pc.ConnConfig)\n", ""}},
			caught: append(in(driverTests, "TestEncodingIsPinned/cache_statement"),
				attackTests("session", "A70-role-encoding")...),
		},
	}
}

func tagSaboteurs() []saboteur {
	// After a DEALLOCATE, the driver prepares its statements under new names, which no attacker has planted.
	remembers := edit{connFile, `return strings.HasPrefix(tag.String(), "DEALLOCATE")`, `return strings.HasPrefix(tag.String(), "no DEALLOCATE")`}
	return []saboteur{
		{
			id: "driver-forget", removes: "that the driver drops the statements that a DEALLOCATE removed from the server",
			held:   "the connection is destroyed after the transaction",
			edits:  []edit{remembers},
			caught: in(driverTests, "TestDeallocateInATransaction/cache_statement"),
			holds:  attackTests("connection", "A68-planted-statement", "A68-forget"),
		},
		{
			id:      "driver-tags",
			removes: "that a command tag decides whether a connection is kept, with DEALLOCATE undetected",
			given:   []edit{remembers},
			edits:   never(leaseFile, "if err == nil && !isPlainTag(tag, columns) || err != nil && !isPlain(s.sql) {"),
			caught: append(in(driverTests, "TestCommandTagsDecideOverTheConnection/cache_statement", "TestPreparedUnderADriverName",
				"TestSavepointCostsTheConnection"),
				attackTests("connection", "A68-planted-statement", "A68-execute", "A34-cursor-by-driver", "A71-listen",
					"A68-other-commands")...),
		},
		{
			id:      "driver-tags-loosened",
			removes: "PREPARE and DEALLOCATE from what costs the connection, with DEALLOCATE undetected",
			given:   []edit{remembers},
			edits: []edit{{
				statementFile, "return tag.Select() && columns > 0 ||",
				"return strings.HasPrefix(tag.String(), \"PREPARE\") || strings.HasPrefix(tag.String(), \"DEALLOCATE\") || tag.Select() && columns > 0 ||",
			}},
			caught: append(in(driverTests, "TestCommandTagsDecideOverTheConnection/cache_statement", "TestPreparedUnderADriverName"),
				attackTests("connection", "A68-planted-statement", "A68-execute")...),
		},
		{
			id: "driver-tags-of-failures", removes: "that a failed command, which has no tag, is classified by its text",
			held:   "no failed command is known to leave anything",
			edits:  []edit{{leaseFile, "if err == nil && !isPlainTag(tag, columns) || err != nil && !isPlain(s.sql) {", "if err == nil && !isPlainTag(tag, columns) {"}},
			caught: in(driverTests, "TestCommandTagsDecideOverTheConnection/cache_statement"),
			holds:  in(driverTests, "TestPreparedUnderADriverName"),
		},
		{
			id: "driver-tags-of-rows", removes: "the check of the command tag of a statement with rows",
			edits:  []edit{{rowsFile, "\tr.lease.recordTag(r.statement, tag, len(r.answer.fields), err)\n", "\t_ = tag\n"}},
			caught: in(driverTests, "TestCommandTagsDecideOverTheConnection/cache_statement"),
		},
		{
			id:      "driver-spoiled",
			removes: "that a connection that must not be used again is closed, with DEALLOCATE undetected",
			given:   []edit{remembers},
			edits:   never(leaseFile, "if l.discard {"),
			caught: append(in(driverTests, "TestCommandTagsDecideOverTheConnection/exec", "TestPreparedUnderADriverName"),
				attackTests("connection", "A68-planted-statement", "A71-listen")...),
		},
		{
			id: "driver-named-behind-pooler", removes: "that statements with a name are refused behind a pooler",
			edits:  never(connFile, "if !c.direct {"),
			caught: in(driverTests, "TestNamedStatementsNeedADirectConnection"),
		},
		{
			id: "driver-notifications", removes: "the handler that drops notifications",
			edits: []edit{{openFile, "\tpc.ConnConfig.OnNotification = drop\n", "\t_ = drop\n"}},
			caught: append(in(driverTests, "TestNotificationsAreNotKept"),
				attackTests("connection", "A71-flood")...),
		},
		{
			id: "driver-copy", removes: "that COPY is refused before it is sent",
			edits: []edit{{statementFile, "case startsWith(query, \"copy\"):", "case startsWith(query, \"no copy\"):"}},
			caught: append(in(driverTests, "TestCopyIsRefused/exec"),
				attackTests("leak", "A76-copy")...),
		},
	}
}

func leakSaboteurs() []saboteur {
	const exec = "\tdefer l.destroy() // after a panic\n"
	return []saboteur{
		{
			id: "driver-leak-exec", removes: "that a panic in a single statement returns the connection",
			given:  never(statementFile, "case skipToWord(query) == \"\":"),
			edits:  []edit{{driverFile, exec, ""}},
			caught: attackTests("leak", "A72-panic-in-statement"),
		},
		{
			id: "driver-leak-query", removes: "that a panic in a query returns the connection",
			given:  never(statementFile, "case skipToWord(query) == \"\":"),
			edits:  never(driverFile, "if !lent {"),
			caught: attackTests("leak", "A72-panic-in-statement"),
		},
		{
			id: "driver-leak-scan", removes: "that a destination that panics returns the connection",
			edits:  []edit{{rowsFile, "\t\tif !scanned { // a Scanner panicked\n", "\t\tif false && !scanned {\n"}},
			caught: attackTests("leak", "A72-panic-in-scan"),
		},
	}
}

func outcomeSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "driver-outcome", removes: "that the outcome of a write whose answer was lost is unknown",
			edits:  []edit{{outcomeFile, "\treturn ErrOutcomeUnknown\n", "\treturn ErrNoEffect\n"}},
			caught: in(driverTests, "TestLostAnswer/cache_statement"),
		},
		{
			id: "driver-read-only-kept", removes: "that a server that became read-only costs the connection",
			edits:  []edit{{leaseFile, "l.discard = l.discard || errors.Is(err, ErrReadOnlyServer)", ""}},
			caught: in(driverTests, "TestReadOnlyServer/cache_statement"),
		},
		{
			id: "driver-read-only-own", removes: "that a caller's read-only transaction does not count as a read-only server",
			edits:  []edit{{errorsFile, "err.Code == codeReadOnly && e != readOnlyEffect:", "err.Code == codeReadOnly:"}},
			caught: in(driverTests, "TestReadOnlyServer/cache_statement"),
		},
		{
			id: "driver-stale-plan", removes: "that a statement whose plan is out of date is prepared and sent again",
			edits:  never(statementFile, "case refused(db) && isStale(db):"),
			caught: in(driverTests, "TestStalePlans/cache_statement"),
		},
		{
			id: "driver-resent", removes: "that only a statement that did not run is sent again",
			edits: []edit{{statementFile, "\tcase refused(db) && isStale(db):", "\tcase refused(db):"}},
			// A failed statement that is sent again fails twice.
			caught: in(driverTests, "TestFailedStatementsAreSentOnce"),
		},
	}
}
