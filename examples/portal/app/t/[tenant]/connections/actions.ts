"use server";

import { ifMatch, unwrap, type Schemas } from "@konstruct/client";

import { change, once } from "@/lib/action";
import { jsonObject, notJson, refused, text, type FormState } from "@/lib/form";

type Update = Schemas["UpdateChannelConnection"];

const pathOf = (form: FormData) => ({ tenant_id: text(form, "tenant"), connection_id: text(form, "connection") });
const versionOf = (form: FormData) => ({ path: pathOf(form), header: ifMatch(text(form, "etag")) });

export async function createConnection(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const body = {
      channel_type: text(form, "channel_type") as Schemas["CreateChannelConnection"]["channel_type"],
      workspace_id: text(form, "workspace_id").trim(),
    };
    const { data } = await once(form, (header) =>
      unwrap(
        client.POST("/v1/tenants/{tenant_id}/channel-connections", { params: { path: pathOf(form), header }, body }),
      ),
    );
    return `/t/${text(form, "tenant")}/connections/${data.id}?done=created`;
  });
}

export async function setStatus(_: FormState, form: FormData): Promise<FormState> {
  return update(form, { status: text(form, "status") as Update["status"] & string }, "Status changed.");
}

export async function setConfig(_: FormState, form: FormData): Promise<FormState> {
  const config = jsonObject(text(form, "config"));
  return config ? update(form, { config }, "Settings saved.") : refused(form, { config: notJson });
}

export async function setSecret(_: FormState, form: FormData): Promise<FormState> {
  const name = text(form, "name").trim();
  const state = await update(
    form,
    { secrets: { [name]: text(form, "secret_value") } },
    `The secret ${name} is stored.`,
  );
  const { [`secrets.${name}`]: fault, ...fields } = state.fields ?? {};
  return fault ? { ...state, fields: { ...fields, secret_value: fault } } : state;
}

export async function removeSecret(_: FormState, form: FormData): Promise<FormState> {
  return update(form, { secrets: { [text(form, "name")]: null } }, "Secret removed.");
}

export async function deleteConnection(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    await unwrap(
      client.DELETE("/v1/tenants/{tenant_id}/channel-connections/{connection_id}", { params: versionOf(form) }),
    );
    return `/t/${text(form, "tenant")}/connections?done=deleted`;
  });
}

async function update(form: FormData, body: Update, notice: string): Promise<FormState> {
  return change(form, async (client) => {
    const params = versionOf(form);
    await unwrap(client.PATCH("/v1/tenants/{tenant_id}/channel-connections/{connection_id}", { params, body }));
    return { notice };
  });
}
