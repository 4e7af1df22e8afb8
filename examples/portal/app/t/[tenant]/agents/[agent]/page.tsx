import { idempotencyKey, unwrap, type Schemas } from "@konstruct/client";
import type { Metadata } from "next";

import { Disclosure } from "@/components/disclosure";
import { Done } from "@/components/done";
import { Field, Form, Submit } from "@/components/form";
import { Link } from "@/components/link";
import { Badge, Head, Time } from "@/components/parts";
import { fieldsOf, valuesOf } from "@/lib/agent";
import { page } from "@/lib/page";
import { may } from "@/lib/role";
import { tenantOf } from "@/lib/tenant";
import { deleteAgent, duplicateAgent, setActive, updateAgent } from "../actions";
import { AgentForm } from "../agentform";

export const metadata: Metadata = { title: "Agent" };

const done = {
  created: "Agent created.",
  duplicated: "This is the copy. It is inactive until you activate it.",
};

export default page(async ({ client, params: { tenant: id = "", agent: agentId = "" }, query }) => {
  const tenant = await tenantOf(id);
  const { data: agent, etag } = await unwrap(
    client.GET("/v1/tenants/{tenant_id}/agents/{agent_id}", { params: { path: { tenant_id: id, agent_id: agentId } } }),
  );
  const hidden = { tenant: id, agent: agentId, etag };
  const editor = may(tenant.role, "editor");
  return (
    <>
      <p className="crumb">
        <Link href={`/t/${id}/agents`}>Agents</Link>
      </p>
      <Head
        title={agent.name}
        action={
          editor ? (
            <>
              <Form action={setActive} className="inline" hidden={{ ...hidden, active: String(!agent.is_active) }}>
                <Submit kind="plain">{agent.is_active ? "Deactivate" : "Activate"}</Submit>
              </Form>
              <Disclosure label="Duplicate">
                <Form action={duplicateAgent} hidden={{ ...hidden, key: idempotencyKey() }}>
                  <Field name="name" label="Name of the copy" maxLength={200} />
                  <Submit>Duplicate</Submit>
                </Form>
              </Disclosure>
              <Disclosure label="Delete" kind="danger-quiet">
                <p>Delete {agent.name}? This cannot be undone.</p>
                <Form action={deleteAgent} hidden={hidden}>
                  <Submit kind="danger">Delete agent</Submit>
                </Form>
              </Disclosure>
            </>
          ) : null
        }
      >
        {agent.is_active ? <Badge tone="good">active</Badge> : <Badge>inactive</Badge>} changed{" "}
        <Time at={agent.updated_at} />
      </Head>
      <Done of={query.done} words={done} />
      {editor ? (
        <AgentForm
          action={updateAgent}
          values={valuesOf(agent)}
          submit="Save"
          hidden={{ ...hidden, base: JSON.stringify(fieldsOf(agent)) }}
        />
      ) : (
        <Facts agent={agent} />
      )}
    </>
  );
});

function Facts({ agent }: { agent: Schemas["Agent"] }) {
  const rows: [string, string][] = [
    ["Role", agent.role],
    ["Persona", agent.persona],
    ["System prompt", agent.system_prompt],
    ["Model", agent.model_preference],
    ["Tools", agent.tool_assignments.map(({ name }) => name).join(", ")],
    ["Escalation rules", agent.escalation_rules.map(({ when }) => when.replaceAll("_", " ")).join(", ")],
  ];
  return (
    <dl className="facts">
      {rows.map(([label, value]) => (
        <div key={label} className="fact">
          <dt>{label}</dt>
          <dd>{value || <span className="muted">none</span>}</dd>
        </div>
      ))}
    </dl>
  );
}
