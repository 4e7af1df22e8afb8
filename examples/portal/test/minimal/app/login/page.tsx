"use client";

import { useActionState } from "react";

import { logIn } from "./actions";

export default function LoginPage() {
  const [error, action] = useActionState(logIn, "");
  return (
    <form action={action}>
      <h1>Log in</h1>
      <p role="alert">{error}</p>
      <label>
        E-mail address <input name="email" type="email" autoComplete="username" required />
      </label>
      <label>
        Password <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <button>Log in</button>
    </form>
  );
}
