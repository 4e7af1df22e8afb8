import { unwrap } from "@konstruct/client";
import type { Metadata } from "next";

import { Disclosure } from "@/components/disclosure";
import { Done } from "@/components/done";
import { Field, Form, Submit } from "@/components/form";
import { Link } from "@/components/link";
import { Badge, Head, Row, Rows, Section, Time } from "@/components/parts";
import { page } from "@/lib/page";
import { may } from "@/lib/role";
import { tenantOf } from "@/lib/tenant";
import { channels } from "../channels";
import { deleteConnection, removeSecret, setConfig, setSecret, setStatus } from "../actions";

export const metadata: Metadata = { title: "Connection" };

const done = { created: "Connection created. Now enter its secrets." };

export default page(async ({ client, params: { tenant: id = "", connection: connectionId = "" }, query }) => {
  const tenant = await tenantOf(id);
  const { data: connection, etag } = await unwrap(
    client.GET("/v1/tenants/{tenant_id}/channel-connections/{connection_id}", {
      params: { path: { tenant_id: id, connection_id: connectionId } },
    }),
  );
  const hidden = { tenant: id, connection: connectionId, etag };
  const owner = may(tenant.role, "owner");
  const admin = tenant.role === "platform admin";
  const { status } = connection;
  const config = JSON.stringify(connection.config, null, 2);
  return (
    <>
      <p className="crumb">
        <Link href={`/t/${id}/connections`}>Connections</Link>
      </p>
      <Head
        title={connection.workspace_id}
        action={
          <>
            {admin && status !== "active" ? (
              <Form action={setStatus} className="inline" hidden={{ ...hidden, status: "active" }}>
                <Submit>Activate</Submit>
              </Form>
            ) : null}
            {owner && status !== "revoked" ? (
              <Disclosure label="Revoke" kind="danger-quiet">
                <p>
                  Revoke this connection? Its messages are no longer received, and only a platform admin can activate it
                  again.
                </p>
                <Form action={setStatus} hidden={{ ...hidden, status: "revoked" }}>
                  <Submit kind="danger">Revoke connection</Submit>
                </Form>
              </Disclosure>
            ) : null}
            {owner ? (
              <Disclosure label="Delete" kind="danger-quiet">
                <p>Delete this connection with its settings and secrets? This cannot be undone.</p>
                <Form action={deleteConnection} hidden={hidden}>
                  <Submit kind="danger">Delete connection</Submit>
                </Form>
              </Disclosure>
            ) : null}
          </>
        }
      >
        {channels[connection.channel_type]} <Badge tone={status === "active" ? "good" : "warn"}>{status}</Badge>
        {" changed "}
        <Time at={connection.updated_at} />
      </Head>
      <Done of={query.done} words={done} />
      {connection.status_note ? <p className="message warn">{connection.status_note}</p> : null}
      <Section title="Secrets" note="They are stored encrypted. Only their names are shown again, never their values.">
        <Rows label="Secrets" empty="No secrets yet. Slack needs bot_token.">
          {connection.secret_names.map((name) => (
            <Row
              key={name}
              title={<code>{name}</code>}
              actions={
                owner ? (
                  <Disclosure label={`Remove ${name}`} kind="danger-quiet">
                    <p>Remove {name}? What needs it stops working.</p>
                    <Form action={removeSecret} hidden={{ ...hidden, name }}>
                      <Submit kind="danger">Remove secret</Submit>
                    </Form>
                  </Disclosure>
                ) : null
              }
            />
          ))}
        </Rows>
        {owner ? (
          <Form action={setSecret} hidden={hidden} label="Store a secret">
            <h3>Store a secret</h3>
            <div className="columns">
              <Field
                name="name"
                label="Name"
                required
                maxLength={64}
                spellCheck={false}
                autoComplete="off"
                value={connection.secret_names.length === 0 && connection.channel_type === "slack" ? "bot_token" : ""}
              />
              <Field name="secret_value" label="Value" type="password" required autoComplete="off" />
            </div>
            <Submit kind="plain">Store secret</Submit>
          </Form>
        ) : (
          <p className="muted">Only owners can change secrets.</p>
        )}
      </Section>
      <Section title="Settings" note="Settings of the channel, such as channel ids. Every member can read them.">
        {owner ? (
          <Form action={setConfig} hidden={hidden} label="Settings">
            <Field name="config" label="Settings, as a JSON object" rows={6} value={config} required spellCheck={false} />
            <Submit kind="plain">Save settings</Submit>
          </Form>
        ) : (
          <>
            <pre>{config}</pre>
            <p className="muted">Only owners can change settings.</p>
          </>
        )}
      </Section>
    </>
  );
});
