"use client";

import { startTransition, useActionState, useEffect } from "react";

import { logOut } from "@/app/actions";
import { Field, Form, Submit } from "@/components/form";
import { PastedLink, useLinkToken } from "@/components/linktoken";
import { CurrentPassword, NewPassword } from "@/components/password";
import { acceptAfterLogin, acceptAsMe, acceptAsNew, lookUp } from "../actions";

/** Shows what an invitation is for, and how the person who is or is not logged in accepts it. */
export function Invitation({ email }: { email: string | undefined }) {
  const { token } = useLinkToken();
  const [state, look, pending] = useActionState(lookUp, {});
  useEffect(() => {
    if (token) {
      const form = new FormData();
      form.set("token", token);
      startTransition(() => look(form));
    }
  }, [token, look]);
  if (state.data) {
    return <Accept data={state.data} email={email} />;
  }
  return (
    <>
      <h1>Invitation</h1>
      <div aria-live="assertive">{state.error ? <p className="message error">{state.error}</p> : null}</div>
      {pending ? (
        <p role="status">Looking up the invitation…</p>
      ) : (
        <form action={look} className="stack">
          <PastedLink />
          <Submit>Continue</Submit>
        </form>
      )}
    </>
  );
}

function Accept({ data, email }: { data: Record<string, string>; email: string | undefined }) {
  const hidden = { token: data["token"], email: data["email"] };
  return (
    <>
      <h1>Join {data["tenant"]}</h1>
      <p>
        {data["inviter"] ? `${data["inviter"]} invites you` : "You are invited"} to {data["tenant"]} as{" "}
        <strong>{data["role"]}</strong>, with the address {data["email"]}.
      </p>
      {email === data["email"] && data["account"] !== "new" ? (
        <Form action={acceptAsMe} hidden={hidden}>
          <Submit>Accept</Submit>
        </Form>
      ) : email && email !== data["email"] ? (
        <>
          <p className="message warn">You are logged in as {email}. Log out, then open the link again.</p>
          <form action={logOut}>
            <Submit kind="plain">Log out</Submit>
          </form>
        </>
      ) : data["account"] === "new" ? (
        <Form action={acceptAsNew} hidden={hidden}>
          {email ? (
            <p className="message warn">
              This link proves that the address is yours. It sets a new password, and ends the sessions and memberships of your
              current account.
            </p>
          ) : null}
          <Field name="name" label="Your name" autoComplete="name" required maxLength={200} />
          <NewPassword />
          <Submit>{email ? "Set the password and join" : "Create account and join"}</Submit>
        </Form>
      ) : (
        <Form action={acceptAfterLogin} hidden={hidden}>
          <p>This address has an account. Log in to accept.</p>
          <CurrentPassword name="password" label="Password" />
          <Submit>Log in and join</Submit>
        </Form>
      )}
    </>
  );
}
