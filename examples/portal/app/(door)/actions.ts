"use server";

import { unwrap } from "@konstruct/client";
import { CredentialsSignin } from "next-auth";

import { signIn } from "@/auth";
import { answer } from "@/lib/action";
import { linkToken, text, type FormState } from "@/lib/form";
import { ownPath } from "@/lib/paths";
import { api, apiToken, publicApi } from "@/lib/session";
import { wordsOf } from "@/lib/words";

export async function logIn(_: FormState, form: FormData): Promise<FormState> {
  const refused = await enter(form);
  return answer(form, async () => refused ?? ownPath(form.get("callbackUrl")));
}

export async function forgot(_: FormState, form: FormData): Promise<FormState> {
  return answer(form, async () => {
    const email = text(form, "email").trim();
    await unwrap((await publicApi()).POST("/v1/auth/password/forgot", { body: { email } }));
    return { notice: `If ${email} has an account, a link for a new password is on its way. It works for an hour.` };
  });
}

export async function reset(_: FormState, form: FormData): Promise<FormState> {
  return answer(form, async () => {
    const body = { token: linkToken(form), password: text(form, "password") };
    await unwrap((await publicApi()).POST("/v1/auth/password/reset", { body }));
    return "/login?reason=reset";
  });
}

export async function confirm(_: FormState, form: FormData): Promise<FormState> {
  return answer(form, async () => {
    await unwrap((await publicApi()).POST("/v1/auth/email/confirm", { body: { token: linkToken(form) } }));
    return (await apiToken()) ? "/profile?done=confirmed" : "/login?reason=confirmed";
  });
}

/** Looks up what a link is for. */
export async function lookUp(_: FormState, form: FormData): Promise<FormState> {
  return answer(form, async () => {
    const token = linkToken(form);
    const { data } = await unwrap((await publicApi()).POST("/v1/invitations/lookup", { body: { token } }));
    return {
      data: {
        token,
        tenant: data.tenant.name,
        email: data.email,
        role: data.role,
        inviter: data.invited_by.name,
        account: data.needs_account ? "new" : "existing",
      },
    };
  });
}

/** Accepts with a new account, and logs in with it. */
export async function acceptAsNew(_: FormState, form: FormData): Promise<FormState> {
  return answer(form, async () => {
    const body = { token: linkToken(form), name: text(form, "name"), password: text(form, "password") };
    const { data } = await unwrap((await publicApi()).POST("/v1/invitations/accept", { body }));
    return (await enter(form)) ? "/login" : `/t/${data.tenant.id}/agents`;
  });
}

/** Logs in and accepts. */
export async function acceptAfterLogin(_: FormState, form: FormData): Promise<FormState> {
  const refused = await enter(form);
  return answer(form, async () => refused ?? accept(form));
}

/** Accepts for the person who is logged in. */
export async function acceptAsMe(_: FormState, form: FormData): Promise<FormState> {
  return answer(form, () => accept(form));
}

async function accept(form: FormData): Promise<string> {
  const { data } = await unwrap((await api()).POST("/v1/invitations/accept", { body: { token: linkToken(form) } }));
  return `/t/${data.tenant.id}/agents`;
}

/** Logs the browser in, or returns why not. */
async function enter(form: FormData): Promise<FormState | undefined> {
  try {
    await signIn("credentials", { email: text(form, "email"), password: text(form, "password"), redirect: false });
    return undefined;
  } catch (error) {
    if (!(error instanceof CredentialsSignin)) {
      throw error;
    }
    const [code = "", seconds] = error.code.split(".");
    return { error: wordsOf(code, seconds ? Number(seconds) : undefined), values: { email: text(form, "email") } };
  }
}
