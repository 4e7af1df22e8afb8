import { unwrap } from "@konstruct/client";
import type { Metadata } from "next";

import { Disclosure } from "@/components/disclosure";
import { Done } from "@/components/done";
import { Field, Form, Submit } from "@/components/form";
import { Link } from "@/components/link";
import { Badge, Head, Section, Time } from "@/components/parts";
import { page } from "@/lib/page";
import { endSessions, erase, rename, setAdmin, setDisabled, unlock } from "../actions";

export const metadata: Metadata = { title: "User" };

const done = { created: "User created. Tell them their password, or let them ask for a new one." };

export default page(async ({ client, params: { user: id = "" }, query }) => {
  const { data: user, etag } = await unwrap(client.GET("/v1/users/{user_id}", { params: { path: { user_id: id } } }));
  const hidden = { user: id, etag };
  const disabled = user.disabled_at !== undefined;
  return (
    <>
      <p className="crumb">
        <Link href="/admin/users">All users</Link>
      </p>
      <Head
        title={user.name || user.email}
        action={
          <Link className="button" href={`/admin/audit?actor=${id}`}>
            Audit log
          </Link>
        }
      >
        {user.email} {user.is_admin ? <Badge>platform admin</Badge> : null}{" "}
        {disabled ? <Badge tone="bad">disabled</Badge> : null}{" "}
        {user.email_proven ? null : <Badge tone="warn">address not confirmed</Badge>} created{" "}
        <Time at={user.created_at} />
      </Head>
      <Done of={query.done} words={done} />
      <Form action={rename} hidden={hidden} label="Name">
        <Field name="name" label="Name" value={user.name} required maxLength={200} />
        <Submit>Save name</Submit>
      </Form>
      <Section
        title="Access"
        note="A disabled user cannot log in. Failed logins block an address for some minutes; unlocking clears them."
      >
        <div className="actions">
          <Form action={setDisabled} className="inline" hidden={{ ...hidden, disabled: String(!disabled) }}>
            <Submit kind="plain">{disabled ? "Enable" : "Disable"}</Submit>
          </Form>
          <Form action={unlock} className="inline" hidden={hidden}>
            <Submit kind="plain">Unlock</Submit>
          </Form>
          <Form action={endSessions} className="inline" hidden={hidden}>
            <Submit kind="plain">Log out everywhere</Submit>
          </Form>
          <Disclosure label={user.is_admin ? "Remove as platform admin" : "Make platform admin"}>
            <p>
              {user.is_admin
                ? "The user keeps their tenants, and loses access to all others."
                : "A platform admin can enter every tenant, and manage all tenants and users."}
            </p>
            <Form action={setAdmin} hidden={{ ...hidden, admin: String(!user.is_admin) }}>
              <Submit>{user.is_admin ? "Remove as platform admin" : "Make platform admin"}</Submit>
            </Form>
          </Disclosure>
        </div>
      </Section>
      <Section
        title="Erase"
        note="Deletes the person's name, address, memberships and sessions; audit logs keep the id and the network address. It cannot be undone."
      >
        <Disclosure label="Erase user" kind="danger-quiet">
          <Form action={erase} hidden={{ ...hidden, email: user.email }}>
            <Field
              name="typed"
              label={`Type ${user.email} to confirm`}
              required
              autoComplete="off"
              spellCheck={false}
            />
            <Submit kind="danger">Erase permanently</Submit>
          </Form>
        </Disclosure>
      </Section>
    </>
  );
});
