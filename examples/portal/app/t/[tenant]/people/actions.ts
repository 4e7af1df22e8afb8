"use server";

import { idempotencyKey, ifMatch, unwrap, type Schemas } from "@konstruct/client";

import { change, once } from "@/lib/action";
import { text, type FormState } from "@/lib/form";
import type { Role } from "@/lib/role";
import { me } from "@/lib/session";

const memberOf = (form: FormData) => ({ tenant_id: text(form, "tenant"), user_id: text(form, "user") });
const invitationOf = (form: FormData) => ({ tenant_id: text(form, "tenant"), invitation_id: text(form, "invitation") });

export async function setRole(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const params = { path: memberOf(form), header: ifMatch(text(form, "etag")) };
    const body = { role: text(form, "role") as Role };
    await unwrap(client.PATCH("/v1/tenants/{tenant_id}/members/{user_id}", { params, body }));
    return { notice: "Role changed." };
  });
}

export async function removeMember(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const params = { path: memberOf(form), header: ifMatch(text(form, "etag")) };
    await unwrap(client.DELETE("/v1/tenants/{tenant_id}/members/{user_id}", { params }));
    const { user } = await me();
    return user.id === params.path.user_id && !user.is_admin ? "/" : `/t/${params.path.tenant_id}/people?done=removed`;
  });
}

export async function invite(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const body = { email: text(form, "email").trim(), role: text(form, "role") as Role };
    const { data } = await once(form, (header) =>
      unwrap(
        client.POST("/v1/tenants/{tenant_id}/invitations", { params: { path: invitationOf(form), header }, body }),
      ),
    );
    return { ...sent(data), data: { key: idempotencyKey() } };
  });
}

export async function resend(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const params = { path: invitationOf(form) };
    const { data } = await unwrap(
      client.POST("/v1/tenants/{tenant_id}/invitations/{invitation_id}/resend", { params }),
    );
    return sent(data);
  });
}

export async function revoke(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const params = { path: invitationOf(form) };
    await unwrap(client.DELETE("/v1/tenants/{tenant_id}/invitations/{invitation_id}", { params }));
    return `/t/${params.path.tenant_id}/people?done=revoked`;
  });
}

function sent({ email, link }: Schemas["SentInvitation"]): FormState {
  return link ? { notice: `${email} was invited.`, link } : { notice: `${email} was invited by mail.` };
}
