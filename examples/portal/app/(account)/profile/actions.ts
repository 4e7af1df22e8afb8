"use server";

import { unwrap } from "@konstruct/client";

import { change } from "@/lib/action";
import { text, type FormState } from "@/lib/form";

export async function rename(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    await unwrap(client.PATCH("/v1/me", { body: { name: text(form, "name") } }));
    return { notice: "Your name was saved." };
  });
}

export async function changePassword(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const body = { current_password: text(form, "current_password"), new_password: text(form, "new_password") };
    await unwrap(client.POST("/v1/me/password", { body }));
    return { notice: "Your password was changed, and your other devices were logged out." };
  });
}

export async function changeEmail(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const email = text(form, "email").trim();
    await unwrap(client.POST("/v1/me/email", { body: { current_password: text(form, "current_password"), email } }));
    return { notice: `If ${email} can be used, a link is on its way there. Your address changes when you open it.` };
  });
}

export async function endSession(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const path = { session_id: text(form, "session") };
    await unwrap(client.DELETE("/v1/me/sessions/{session_id}", { params: { path } }));
    return "/profile?done=ended";
  });
}

export async function endOthers(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    await unwrap(client.DELETE("/v1/me/sessions"));
    return "/profile?done=others";
  });
}
