"use server";

import { ifMatch, unwrap } from "@konstruct/client";

import { change } from "@/lib/action";
import { text, type FormState } from "@/lib/form";

export async function rename(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const params = { path: { tenant_id: text(form, "tenant") }, header: ifMatch(text(form, "etag")) };
    await unwrap(client.PATCH("/v1/tenants/{tenant_id}", { params, body: { name: text(form, "name") } }));
    return { notice: "Name saved." };
  });
}
