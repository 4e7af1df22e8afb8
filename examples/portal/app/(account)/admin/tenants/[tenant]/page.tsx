import { isProblem, unwrap, type Schemas } from "@konstruct/client";
import type { Metadata } from "next";

import { Disclosure } from "@/components/disclosure";
import { Field, Form, Submit } from "@/components/form";
import { Link } from "@/components/link";
import { Badge, Head, Section, Time } from "@/components/parts";
import { Reload } from "@/components/reload";
import { page } from "@/lib/page";
import { purgeTenant, setStatus, updateTenant } from "../actions";

export const metadata: Metadata = { title: "Tenant" };

export default page(async ({ client, params: { tenant: id = "" } }) => {
  const path = { tenant_id: id };
  const [tenant, purge] = await Promise.all([
    optional(unwrap(client.GET("/v1/tenants/{tenant_id}", { params: { path } }))),
    optional(unwrap(client.GET("/v1/tenants/{tenant_id}/purge", { params: { path } }))),
  ]);
  if (purge) {
    return <Progress name={tenant?.data.name} purge={purge.data} />;
  }
  const { data, etag } = tenant ?? (await unwrap(client.GET("/v1/tenants/{tenant_id}", { params: { path } })));
  const hidden = { tenant: id, etag };
  const suspended = data.status === "suspended";
  return (
    <>
      <p className="crumb">
        <Link href="/admin/tenants">All tenants</Link>
      </p>
      <Head
        title={data.name}
        action={
          <Link className="button" href={`/t/${id}/agents`}>
            Enter tenant
          </Link>
        }
      >
        <Badge tone={suspended ? "warn" : "good"}>{data.status}</Badge> created <Time at={data.created_at} />
      </Head>
      <Form action={updateTenant} hidden={hidden} label="Tenant">
        <div className="columns">
          <Field name="name" label="Name" value={data.name} required maxLength={200} />
          <Field
            name="slug"
            label="Slug"
            value={data.slug}
            required
            maxLength={63}
            pattern="[a-z0-9](-?[a-z0-9])*"
            spellCheck={false}
          />
        </div>
        <Submit>Save</Submit>
      </Form>
      <Section
        title={suspended ? "Activate" : "Suspend"}
        note={
          suspended
            ? "The members get access again, and the agents receive messages."
            : "The members lose access at once, and the agents receive no messages. Nothing is deleted."
        }
      >
        <Form action={setStatus} hidden={{ ...hidden, status: suspended ? "active" : "suspended" }}>
          <Submit kind="plain">{suspended ? "Activate tenant" : "Suspend tenant"}</Submit>
        </Form>
      </Section>
      <Section
        title="Delete"
        note="Deletes the tenant with its agents, connections, members and audit log. It cannot be undone."
      >
        <Disclosure label="Delete tenant" kind="danger-quiet">
          <Form action={purgeTenant} hidden={{ ...hidden, slug: data.slug }}>
            <Field name="typed" label={`Type ${data.slug} to confirm`} required autoComplete="off" spellCheck={false} />
            <Submit kind="danger">Delete permanently</Submit>
          </Form>
        </Disclosure>
      </Section>
    </>
  );
});

function Progress({ name, purge }: { name: string | undefined; purge: Schemas["Purge"] }) {
  const running = purge.status === "running";
  return (
    <>
      <p className="crumb">
        <Link href="/admin/tenants">All tenants</Link>
      </p>
      <Head title={running ? `${name ?? "The tenant"} is being deleted` : "Tenant deleted"}>
        Requested <Time at={purge.requested_at} />
        {purge.finished_at ? (
          <>
            , finished <Time at={purge.finished_at} />
          </>
        ) : null}
        .
      </Head>
      <div role="status">
        <dl className="facts">
          {Object.entries(purge.deleted).map(([table, rows]) => (
            <div key={table} className="fact">
              <dt>{table.replaceAll("_", " ")}</dt>
              <dd>{rows} deleted</dd>
            </div>
          ))}
        </dl>
      </div>
      {running ? <Reload /> : null}
    </>
  );
}

async function optional<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isProblem(error, "not_found")) {
      return undefined;
    }
    throw error;
  }
}
