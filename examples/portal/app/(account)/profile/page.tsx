import { unwrap, type Schemas } from "@konstruct/client";
import type { Metadata } from "next";

import { Done } from "@/components/done";
import { Field, Form, Submit } from "@/components/form";
import { Badge, Head, Pager, Row, Rows, Section, Time } from "@/components/parts";
import { CurrentPassword, NewPassword } from "@/components/password";
import { deviceOf } from "@/lib/device";
import { page } from "@/lib/page";
import { me } from "@/lib/session";
import { changeEmail, changePassword, endOthers, endSession, rename } from "./actions";

export const metadata: Metadata = { title: "Profile" };

const done = {
  ended: "The device is logged out.",
  others: "All other devices are logged out.",
  confirmed: "Your e-mail address is confirmed.",
};

export default page(async ({ client, query }) => {
  const [{ user }, meta, sessions] = await Promise.all([
    me(),
    unwrap(client.GET("/v1/meta")),
    unwrap(client.GET("/v1/me/sessions", { params: { query: { cursor: query.cursor } } })),
  ]);
  const { items, next_cursor } = sessions.data;
  const currentFirst = [...items].sort((a, b) => Number(b.current) - Number(a.current));
  return (
    <>
      <Head title="Profile">
        {user.email}
        {user.is_admin ? ", platform admin" : ""}
      </Head>
      <Done of={query.done} words={done} />
      <Form action={rename} label="Name">
        <Field name="name" label="Name" value={user.name} required maxLength={200} autoComplete="name" />
        <Submit>Save name</Submit>
      </Form>
      <Section title="Password" note="A new password logs your other devices out.">
        <Form action={changePassword} label="Password">
          <div className="columns">
            <CurrentPassword />
            <NewPassword name="new_password" label="New password" />
          </div>
          <Submit kind="plain">Change password</Submit>
        </Form>
      </Section>
      <Section
        title="E-mail address"
        note={
          user.email_proven
            ? undefined
            : "Your address is not confirmed by a mailed link, so you cannot join another tenant."
        }
      >
        {meta.data.mail ? (
          <Form action={changeEmail} label="E-mail address">
            <div className="columns">
              <Field name="email" label="New address" type="email" required maxLength={320} autoComplete="email" />
              <CurrentPassword />
            </div>
            <Submit kind="plain">Send the link</Submit>
          </Form>
        ) : (
          <p className="muted">This server sends no mail, so your address cannot be changed here.</p>
        )}
      </Section>
      <Section title="Devices" note="Where you are logged in.">
        <Rows label="Devices" empty="No devices.">
          {currentFirst.map((session) => (
            <SessionRow key={session.id} session={session} />
          ))}
        </Rows>
        <Pager path="/profile" query={{ cursor: query.cursor }} next={next_cursor} />
        {items.length > 1 ? (
          <Form action={endOthers}>
            <Submit kind="plain">Log out all other devices</Submit>
          </Form>
        ) : null}
      </Section>
    </>
  );
});

function SessionRow({ session }: { session: Schemas["OwnSession"] }) {
  const device = deviceOf(session.user_agent);
  return (
    <Row
      title={device}
      badges={session.current ? <Badge tone="good">this device</Badge> : null}
      actions={
        session.current ? null : (
          <Form action={endSession} className="inline" hidden={{ session: session.id }}>
            <Submit kind="plain" label={`Log out ${device}`}>
              Log out
            </Submit>
          </Form>
        )
      }
    >
      <span>
        used <Time at={session.last_seen_at} />
      </span>
      <span>
        logged in <Time at={session.created_at} />
      </span>
      {session.address ? <span>from {session.address}</span> : null}
    </Row>
  );
}
