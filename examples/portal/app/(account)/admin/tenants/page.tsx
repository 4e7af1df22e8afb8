import { idempotencyKey, unwrap } from "@konstruct/client";
import type { Metadata } from "next";
import { notFound } from "next/navigation";

import { Disclosure } from "@/components/disclosure";
import { Field, Form, Submit } from "@/components/form";
import { Link } from "@/components/link";
import { Badge, Head, Pager, Row, Rows, Time } from "@/components/parts";
import { oneOf, page } from "@/lib/page";
import { me } from "@/lib/session";
import { createTenant } from "./actions";

export const metadata: Metadata = { title: "All tenants" };

const tones = { active: "good", suspended: "warn", purging: "bad" } as const;
const states = ["active", "suspended", "purging"] as const;

export default page(async ({ client, query }) => {
  if (!(await me()).user.is_admin) {
    notFound(); // the API would list their own tenants
  }
  const status = oneOf(states, query.status);
  const { q, cursor } = query;
  const { data } = await unwrap(
    client.GET("/v1/tenants", { params: { query: { limit: 30, sort: "name", q, status, cursor } } }),
  );
  return (
    <>
      <Head
        title="All tenants"
        action={
          <Disclosure label="New tenant" kind="primary">
            <Form action={createTenant} hidden={{ key: idempotencyKey() }}>
              <Field name="name" label="Name" required maxLength={200} />
              <Field
                name="slug"
                label="Slug"
                required
                maxLength={63}
                pattern="[a-z0-9](-?[a-z0-9])*"
                spellCheck={false}
                hint="Lower-case letters, digits and hyphens."
              />
              <Submit>Create tenant</Submit>
            </Form>
          </Disclosure>
        }
      >
        The companies on this platform. What you do in one is recorded in its audit log.
      </Head>
      <form className="inline filters" role="search">
        <Field name="q" label="Name or slug" type="search" value={q} required={false} maxLength={100} />
        <Field
          name="status"
          label="Status"
          value={status}
          required={false}
          options={[
            ["", "All"],
            ["active", "Active"],
            ["suspended", "Suspended"],
            ["purging", "Being deleted"],
          ]}
        />
        <Submit kind="plain">Search</Submit>
      </form>
      <Rows label="Tenants" empty={q || status ? "No tenant matches the search." : "No tenants yet."}>
        {data.items.map((tenant) => (
          <Row
            key={tenant.id}
            title={<Link href={`/t/${tenant.id}/agents`}>{tenant.name}</Link>}
            badges={<Badge tone={tones[tenant.status]}>{tenant.status}</Badge>}
            actions={
              <Link className="button" href={`/admin/tenants/${tenant.id}`}>
                Manage<span className="hidden"> {tenant.name}</span>
              </Link>
            }
          >
            <span>{tenant.slug}</span>
            <span>
              created <Time at={tenant.created_at} />
            </span>
          </Row>
        ))}
      </Rows>
      <Pager path="/admin/tenants" query={{ q, status, cursor }} next={data.next_cursor} />
    </>
  );
});
