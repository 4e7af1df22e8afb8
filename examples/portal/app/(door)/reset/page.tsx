import type { Metadata } from "next";

import { Form, Submit } from "@/components/form";
import { LinkToken } from "@/components/linktoken";
import { NewPassword } from "@/components/password";
import { reset } from "../actions";

export const metadata: Metadata = { title: "New password" };

export default function ResetPage() {
  return (
    <>
      <h1>Set a new password</h1>
      <p className="muted">This logs you out on all devices.</p>
      <Form action={reset}>
        <LinkToken />
        <NewPassword label="New password" />
        <Submit>Set password</Submit>
      </Form>
      <p>
        <a href="/forgot">Ask for a new link</a>
      </p>
    </>
  );
}
