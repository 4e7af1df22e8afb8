import type { Metadata } from "next";

import { Field, Form, Submit } from "@/components/form";
import { LinkToken } from "@/components/linktoken";
import { reset } from "../actions";

export const metadata: Metadata = { title: "New password" };

export default function ResetPage() {
  return (
    <>
      <h1>Set a new password</h1>
      <p className="muted">It logs you out on all devices.</p>
      <Form action={reset}>
        <LinkToken />
        <Field
          name="password"
          label="New password, at least 8 characters"
          type="password"
          autoComplete="new-password"
          required
        />
        <Submit>Set password</Submit>
      </Form>
      <p>
        <a href="/forgot">Ask for a new link</a>
      </p>
    </>
  );
}
