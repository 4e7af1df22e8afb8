import type { Metadata } from "next";

import { Form, Submit } from "@/components/form";
import { LinkToken } from "@/components/linktoken";
import { confirm } from "../actions";

export const metadata: Metadata = { title: "Confirm address" };

export default function ConfirmPage() {
  return (
    <>
      <h1>Confirm your e-mail address</h1>
      <p className="muted">From then on you log in with the new address.</p>
      <Form action={confirm}>
        <LinkToken />
        <Submit>Confirm</Submit>
      </Form>
    </>
  );
}
