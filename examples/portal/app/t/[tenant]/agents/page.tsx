import { unwrap } from "@konstruct/client";
import type { Metadata } from "next";

import { Done } from "@/components/done";
import { Field, Form, Submit } from "@/components/form";
import { Link } from "@/components/link";
import { Badge, Head, Pager, Row, Rows, Time } from "@/components/parts";
import { oneOf, page } from "@/lib/page";
import { may } from "@/lib/role";
import { tenantOf } from "@/lib/tenant";
import { setActive } from "./actions";

export const metadata: Metadata = { title: "Agents" };

const done = { deleted: "Agent deleted." };
const sorts = ["name", "-created_at", "created_at", "-updated_at"] as const;
const states = ["true", "false"] as const;

export default page(async ({ client, params: { tenant: id = "" }, query }) => {
  const tenant = await tenantOf(id);
  const { q, cursor } = query;
  const sort = oneOf(sorts, query.sort);
  const state = oneOf(states, query.state);
  const { data } = await unwrap(
    client.GET("/v1/tenants/{tenant_id}/agents", {
      params: {
        path: { tenant_id: id },
        query: { limit: 20, sort: sort ?? "name", q, is_active: state && state === "true", cursor },
      },
    }),
  );
  const editor = may(tenant.role, "editor");
  const searched = q || state;
  return (
    <>
      <Head
        title="Agents"
        action={
          editor ? (
            <Link className="button primary" href={`/t/${id}/agents/new`}>
              New agent
            </Link>
          ) : null
        }
      >
        {editor
          ? "The AI employees of this tenant."
          : "Your role is viewer: you can read agents, but not change them."}
      </Head>
      <Done of={query.done} words={done} />
      <form className="inline filters" role="search">
        <Field name="q" label="Name or role" type="search" value={q} required={false} maxLength={100} />
        <Field
          name="state"
          label="Status"
          value={state}
          options={[
            ["", "All"],
            ["true", "Active"],
            ["false", "Inactive"],
          ]}
          required={false}
        />
        <Field
          name="sort"
          label="Sort"
          value={sort}
          required={false}
          options={[
            ["name", "Name"],
            ["-created_at", "Newest first"],
            ["created_at", "Oldest first"],
            ["-updated_at", "Last changed"],
          ]}
        />
        <Submit kind="plain">Search</Submit>
      </form>
      <Rows label="Agents" empty={searched ? "No agent matches the search." : "No agents yet."}>
        {data.items.map((agent) => (
          <Row
            key={agent.id}
            title={<Link href={`/t/${id}/agents/${agent.id}`}>{agent.name}</Link>}
            badges={agent.is_active ? <Badge tone="good">active</Badge> : <Badge>inactive</Badge>}
            actions={
              editor ? (
                <Form
                  action={setActive}
                  className="inline"
                  hidden={{ tenant: id, agent: agent.id, etag: agent.etag, active: String(!agent.is_active) }}
                >
                  <Submit kind="plain" label={`${agent.is_active ? "Deactivate" : "Activate"} ${agent.name}`}>
                    {agent.is_active ? "Deactivate" : "Activate"}
                  </Submit>
                </Form>
              ) : null
            }
          >
            {agent.role ? <span>{agent.role}</span> : null}
            <span>
              changed <Time at={agent.updated_at} />
            </span>
          </Row>
        ))}
      </Rows>
      <Pager path={`/t/${id}/agents`} query={{ q, state, sort, cursor }} next={data.next_cursor} />
    </>
  );
});
