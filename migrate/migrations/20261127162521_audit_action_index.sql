-- Create index "auditevent_tenant_id_action_id" to table: "audit_events"
CREATE INDEX "auditevent_tenant_id_action_id" ON "audit_events" ("tenant_id", "action", "id");

-- Create index "platformauditevent_action_id" to table: "platform_audit_events"
CREATE INDEX "platformauditevent_action_id" ON "platform_audit_events" ("action", "id");
