import { unwrap } from "@konstruct/client";
import type { Metadata } from "next";

import { Field, Form, Submit } from "@/components/form";
import { Head } from "@/components/parts";
import { page } from "@/lib/page";
import { may } from "@/lib/role";
import { tenantOf } from "@/lib/tenant";
import { rename } from "./actions";

export const metadata: Metadata = { title: "Settings" };

export default page(async ({ client, params: { tenant: id = "" } }) => {
  const { role } = await tenantOf(id);
  const { data, etag } = await unwrap(client.GET("/v1/tenants/{tenant_id}", { params: { path: { tenant_id: id } } }));
  return (
    <>
      <Head title="Settings" />
      {may(role, "owner") ? (
        <Form action={rename} hidden={{ tenant: id, etag }} label="Settings">
          <Field name="name" label="Name of the tenant" value={data.name} required maxLength={200} />
          <Submit>Save</Submit>
        </Form>
      ) : (
        <p className="muted">Only owners can change the settings.</p>
      )}
    </>
  );
});
