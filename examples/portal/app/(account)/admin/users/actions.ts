"use server";

import { ifMatch, unwrap, type Schemas } from "@konstruct/client";

import { change, once } from "@/lib/action";
import { refused, text, type FormState } from "@/lib/form";

const pathOf = (form: FormData) => ({ user_id: text(form, "user") });
const versionOf = (form: FormData) => ({ path: pathOf(form), header: ifMatch(text(form, "etag")) });

export async function createUser(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const body = {
      email: text(form, "email").trim(),
      name: text(form, "name"),
      password: text(form, "password"),
      is_admin: text(form, "is_admin") === "on",
    };
    const { data } = await once(form, (header) => unwrap(client.POST("/v1/users", { params: { header }, body })));
    return `/admin/users/${data.id}?done=created`;
  });
}

export async function rename(_: FormState, form: FormData): Promise<FormState> {
  return update(form, { name: text(form, "name") }, "Name saved.");
}

export async function setDisabled(_: FormState, form: FormData): Promise<FormState> {
  const disabled = text(form, "disabled") === "true";
  return update(form, { disabled }, disabled ? "User disabled and logged out." : "User enabled.");
}

export async function setAdmin(_: FormState, form: FormData): Promise<FormState> {
  const admin = text(form, "admin") === "true";
  return update(
    form,
    { is_admin: admin },
    admin ? "The user is now a platform admin." : "The user is no longer a platform admin.",
  );
}

export async function unlock(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    await unwrap(client.POST("/v1/users/{user_id}/unlock", { params: { path: pathOf(form) } }));
    return { notice: "The failed logins are cleared." };
  });
}

export async function endSessions(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    await unwrap(client.DELETE("/v1/users/{user_id}/sessions", { params: { path: pathOf(form) } }));
    return { notice: "The user is logged out on all devices." };
  });
}

/** Erases the person, if their address was typed. */
export async function erase(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    if (text(form, "typed").trim() !== text(form, "email")) {
      return refused(form, { typed: "This is not the address of the user." });
    }
    await unwrap(client.DELETE("/v1/users/{user_id}", { params: versionOf(form) }));
    return "/admin/users?done=erased";
  });
}

async function update(form: FormData, body: Schemas["UpdateUser"], notice: string): Promise<FormState> {
  return change(form, async (client) => {
    await unwrap(client.PATCH("/v1/users/{user_id}", { params: versionOf(form), body }));
    return { notice };
  });
}
