import { idempotencyKey, unwrap, type Schemas } from "@konstruct/client";
import type { Metadata } from "next";

import { Disclosure } from "@/components/disclosure";
import { Done } from "@/components/done";
import { Field, Form, Submit } from "@/components/form";
import { Link } from "@/components/link";
import { Badge, Head, Pager, Row, Rows, Time } from "@/components/parts";
import { page } from "@/lib/page";
import { may } from "@/lib/role";
import { tenantOf } from "@/lib/tenant";
import { channels } from "./channels";
import { createConnection } from "./actions";

export const metadata: Metadata = { title: "Connections" };

const done = { deleted: "Connection deleted." };
const tones = { pending: "warn", active: "good", revoked: "bad" } as const;

export default page(async ({ client, params: { tenant: id = "" }, query }) => {
  const tenant = await tenantOf(id);
  const { data } = await unwrap(
    client.GET("/v1/tenants/{tenant_id}/channel-connections", {
      params: { path: { tenant_id: id }, query: { limit: 20, cursor: query.cursor } },
    }),
  );
  return (
    <>
      <Head title="Connections" action={may(tenant.role, "owner") ? <Connect tenant={id} /> : null}>
        {may(tenant.role, "owner")
          ? "The workspaces in which this tenant's agents work."
          : "The workspaces in which this tenant's agents work. Owners can change them."}
      </Head>
      <Done of={query.done} words={done} />
      <Rows label="Connections" empty="No workspace is connected yet.">
        {data.items.map((connection) => (
          <Row
            key={connection.id}
            title={
              <Link href={`/t/${id}/connections/${connection.id}`}>
                {channels[connection.channel_type]} {connection.workspace_id}
              </Link>
            }
            badges={<StatusBadge status={connection.status} />}
          >
            {connection.status_note ? <span>{connection.status_note}</span> : null}
            <span>
              changed <Time at={connection.updated_at} />
            </span>
          </Row>
        ))}
      </Rows>
      <Pager path={`/t/${id}/connections`} query={{ cursor: query.cursor }} next={data.next_cursor} />
    </>
  );
});

function StatusBadge({ status }: { status: Schemas["Connection"]["status"] }) {
  return <Badge tone={tones[status]}>{status}</Badge>;
}

function Connect({ tenant }: { tenant: string }) {
  return (
    <Disclosure label="Connect a workspace" kind="primary">
      <Form action={createConnection} hidden={{ tenant, key: idempotencyKey() }}>
        <Field name="channel_type" label="Channel" options={Object.entries(channels)} required />
        <Field
          name="workspace_id"
          label="Workspace id"
          required
          maxLength={64}
          pattern="[A-Za-z0-9_\-]{1,64}"
          spellCheck={false}
          hint="In Slack it begins with T, such as T0123ABCD."
        />
        <Submit>Connect</Submit>
      </Form>
    </Disclosure>
  );
}
