import { unwrap } from "@konstruct/client";
import type { Metadata } from "next";

import { Field, Form, Submit } from "@/components/form";
import { guarded } from "@/lib/page";
import { publicApi } from "@/lib/session";
import { forgot } from "../actions";

export const metadata: Metadata = { title: "Forgot password" };

export default function ForgotPage() {
  return guarded(async () => {
    const { data: meta } = await unwrap((await publicApi()).GET("/v1/meta"));
    return (
      <>
        <h1>Forgot your password?</h1>
        {meta.mail ? (
          <Form action={forgot}>
            <Field name="email" label="E-mail address" type="email" autoComplete="username" required />
            <Submit>Send a link</Submit>
          </Form>
        ) : (
          <p>This server sends no mail. Ask a platform admin for help.</p>
        )}
        <p>
          <a href="/login">Back to the login</a>
        </p>
      </>
    );
  });
}
