import { idempotencyKey, unwrap, type Client, type Schemas } from "@konstruct/client";
import type { Metadata } from "next";

import { Disclosure } from "@/components/disclosure";
import { Done } from "@/components/done";
import { Field, Form, Submit } from "@/components/form";
import { Badge, Head, Pager, Row, Rows, Section, Time } from "@/components/parts";
import { page } from "@/lib/page";
import { may, roleOptions } from "@/lib/role";
import { me } from "@/lib/session";
import { tenantOf } from "@/lib/tenant";
import { invite, removeMember, resend, revoke, setRole } from "./actions";

export const metadata: Metadata = { title: "People" };

const done = {
  created: "Tenant created. Invite its first owner.",
  removed: "Member removed.",
  revoked: "Invitation revoked; its link no longer works.",
};

export default page(async ({ client, params: { tenant: id = "" }, query }) => {
  const tenant = await tenantOf(id);
  const owner = may(tenant.role, "owner");
  const { cursor } = query;
  const path = { tenant_id: id };
  const [{ user }, members, invitations] = await Promise.all([
    me(),
    unwrap(client.GET("/v1/tenants/{tenant_id}/members", { params: { path, query: { limit: 50, cursor } } })),
    owner ? invitationsOf(client, id) : [],
  ]);
  return (
    <>
      <Head title="People">
        {owner
          ? "Who works in this tenant, and as what."
          : "Who works in this tenant. Owners can invite people and change roles."}
      </Head>
      <Done of={query.done} words={done} />
      <Rows label="Members" empty="No members.">
        {members.data.items.map((member) => (
          <MemberRow key={member.user.id} tenant={id} member={member} owner={owner} self={member.user.id === user.id} />
        ))}
      </Rows>
      <Pager path={`/t/${id}/people`} query={{ cursor }} next={members.data.next_cursor} />
      {owner ? (
        <>
          <Section title="Invite a person">
            <Form action={invite} hidden={{ tenant: id, key: idempotencyKey() }} label="Invite a person">
              <div className="columns">
                <Field name="email" label="E-mail address" type="email" required maxLength={320} autoComplete="off" />
                <Field name="role" label="Role" options={roleOptions} required />
              </div>
              <Submit>Invite</Submit>
            </Form>
          </Section>
          <Section title="Pending invitations" note="A link works once, for 7 days.">
            <Rows label="Invitations" empty="No pending invitations.">
              {invitations.map((invitation) => (
                <InvitationRow key={invitation.id} invitation={invitation} />
              ))}
            </Rows>
          </Section>
        </>
      ) : null}
    </>
  );
});

/** Returns the newest invitations that can still be accepted or sent again. */
async function invitationsOf(client: Client, tenant: string): Promise<Schemas["Invitation"][]> {
  const path = { tenant_id: tenant };
  const { data } = await unwrap(
    client.GET("/v1/tenants/{tenant_id}/invitations", { params: { path, query: { limit: 100 } } }),
  );
  return data.items.filter(({ status }) => status === "pending" || status === "expired");
}

function MemberRow({
  tenant,
  member,
  owner,
  self,
}: {
  tenant: string;
  member: Schemas["Member"];
  owner: boolean;
  self: boolean;
}) {
  const { user, role, etag } = member;
  const hidden = { tenant, user: user.id, etag };
  const name = user.name || user.email;
  return (
    <Row
      title={name}
      badges={
        <>
          {self ? <Badge>you</Badge> : null}
          {user.disabled ? <Badge tone="bad">disabled</Badge> : null}
        </>
      }
      actions={
        <>
          {owner ? (
            <Disclosure label={role}>
              <Form action={setRole} hidden={hidden}>
                <Field name="role" label={`Role of ${name}`} options={roleOptions} value={role} required />
                <Submit>Change role</Submit>
              </Form>
            </Disclosure>
          ) : (
            <Badge>{role}</Badge>
          )}
          {owner || self ? (
            <Disclosure label={self ? "Leave" : "Remove"} kind="danger-quiet">
              <p>
                {self
                  ? "Leave this tenant? An owner can invite you again."
                  : `Remove ${name} from this tenant? The account stays.`}
              </p>
              <Form action={removeMember} hidden={hidden}>
                <Submit kind="danger">{self ? "Leave tenant" : "Remove member"}</Submit>
              </Form>
            </Disclosure>
          ) : null}
        </>
      }
    >
      <span>{user.email}</span>
      <span>
        joined <Time at={member.created_at} />
      </span>
    </Row>
  );
}

function InvitationRow({ invitation }: { invitation: Schemas["Invitation"] }) {
  const hidden = { tenant: invitation.tenant_id, invitation: invitation.id };
  const expired = invitation.status === "expired";
  return (
    <Row
      title={invitation.email}
      badges={
        <>
          <Badge>{invitation.role}</Badge>
          {expired ? <Badge tone="warn">expired</Badge> : null}
        </>
      }
      actions={
        <>
          <Form action={resend} className="inline" hidden={hidden}>
            <Submit kind="plain" label={`Send again to ${invitation.email}`}>
              Send again
            </Submit>
          </Form>
          {expired ? null : (
            <Disclosure label="Revoke" kind="danger-quiet">
              <p>Revoke the invitation of {invitation.email}? Its link stops working.</p>
              <Form action={revoke} hidden={hidden}>
                <Submit kind="danger">Revoke invitation</Submit>
              </Form>
            </Disclosure>
          )}
        </>
      }
    >
      <span>
        {expired ? "expired" : "expires"} <Time at={invitation.expires_at} />
      </span>
      {invitation.invited_by.name ? <span>invited by {invitation.invited_by.name}</span> : null}
    </Row>
  );
}
