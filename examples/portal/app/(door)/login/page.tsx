import type { Metadata } from "next";
import { redirect } from "next/navigation";

import { Done } from "@/components/done";
import { Field, Form, Submit } from "@/components/form";
import { CurrentPassword } from "@/components/password";
import { queryOf, type Props } from "@/lib/page";
import { ownPath } from "@/lib/paths";
import { apiToken } from "@/lib/session";
import { logIn } from "../actions";

export const metadata: Metadata = { title: "Log in" };

const reasons = {
  ended: "Your session has ended. Log in again.",
  "logged-out": "You are logged out.",
  reset: "Your password was changed. Log in with it.",
  confirmed: "Your e-mail address is confirmed. Log in with it.",
};

export default async function LoginPage({ searchParams }: Props) {
  const { callbackUrl, reason } = await queryOf(searchParams);
  if (await apiToken()) {
    redirect(ownPath(callbackUrl));
  }
  return (
    <>
      <h1>Log in</h1>
      <Done of={reason} words={reasons} />
      <Form action={logIn} hidden={{ callbackUrl: ownPath(callbackUrl) }}>
        <Field name="email" label="E-mail address" type="email" autoComplete="username" required />
        <CurrentPassword name="password" label="Password" />
        <Submit>Log in</Submit>
      </Form>
      <p>
        <a href="/forgot">Forgot your password?</a>
      </p>
    </>
  );
}
