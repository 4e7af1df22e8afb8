import { idempotencyKey, unwrap } from "@konstruct/client";
import type { Metadata } from "next";

import { Disclosure } from "@/components/disclosure";
import { Done } from "@/components/done";
import { Check, Field, Form, Submit } from "@/components/form";
import { Link } from "@/components/link";
import { Badge, Head, Pager, Row, Rows, Time } from "@/components/parts";
import { NewPassword } from "@/components/password";
import { page } from "@/lib/page";
import { createUser } from "./actions";

export const metadata: Metadata = { title: "All users" };

const done = { erased: "User erased." };

export default page(async ({ client, query }) => {
  const { q, cursor } = query;
  const { data } = await unwrap(client.GET("/v1/users", { params: { query: { limit: 30, q, cursor } } }));
  return (
    <>
      <Head
        title="All users"
        action={
          <Disclosure label="New user" kind="primary">
            <Form action={createUser} hidden={{ key: idempotencyKey() }}>
              <Field name="email" label="E-mail address" type="email" required maxLength={320} autoComplete="off" />
              <Field name="name" label="Name" required maxLength={200} autoComplete="off" />
              <NewPassword />
              <Check name="is_admin" label="Platform admin" />
              <Submit>Create user</Submit>
            </Form>
          </Disclosure>
        }
      >
        Everybody with an account. Owners invite people to their tenants themselves.
      </Head>
      <Done of={query.done} words={done} />
      <form className="inline filters" role="search">
        <Field name="q" label="Name or address" type="search" value={q} required={false} maxLength={100} />
        <Submit kind="plain">Search</Submit>
      </form>
      <Rows label="Users" empty={q ? "No user matches the search." : "No users."}>
        {data.items.map((user) => (
          <Row
            key={user.id}
            title={<Link href={`/admin/users/${user.id}`}>{user.name || user.email}</Link>}
            badges={
              <>
                {user.is_admin ? <Badge>platform admin</Badge> : null}
                {user.disabled_at ? <Badge tone="bad">disabled</Badge> : null}
              </>
            }
          >
            <span>{user.email}</span>
            <span>
              created <Time at={user.created_at} />
            </span>
          </Row>
        ))}
      </Rows>
      <Pager path="/admin/users" query={{ q, cursor }} next={data.next_cursor} />
    </>
  );
});
