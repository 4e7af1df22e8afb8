"use server";

import { ifMatch, unwrap } from "@konstruct/client";

import { change, once } from "@/lib/action";
import { refused, text, type FormState } from "@/lib/form";

const pathOf = (form: FormData) => ({ tenant_id: text(form, "tenant") });
const versionOf = (form: FormData) => ({ path: pathOf(form), header: ifMatch(text(form, "etag")) });

export async function createTenant(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const body = { name: text(form, "name"), slug: text(form, "slug").trim() };
    const { data } = await once(form, (header) => unwrap(client.POST("/v1/tenants", { params: { header }, body })));
    return `/t/${data.id}/people?done=created`;
  });
}

export async function updateTenant(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const body = { name: text(form, "name"), slug: text(form, "slug").trim() };
    await unwrap(client.PATCH("/v1/tenants/{tenant_id}", { params: versionOf(form), body }));
    return { notice: "Tenant saved." };
  });
}

export async function setStatus(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    const status = text(form, "status") === "suspended" ? "suspended" : "active";
    await unwrap(client.PATCH("/v1/tenants/{tenant_id}", { params: versionOf(form), body: { status } }));
    return {};
  });
}

/** Deletes the tenant with all its rows, if its slug was typed. */
export async function purgeTenant(_: FormState, form: FormData): Promise<FormState> {
  return change(form, async (client) => {
    if (text(form, "typed").trim() !== text(form, "slug")) {
      return refused(form, { typed: "This is not the slug of the tenant." });
    }
    await unwrap(client.DELETE("/v1/tenants/{tenant_id}", { params: { ...versionOf(form), query: { purge: true } } }));
    return `/admin/tenants/${pathOf(form).tenant_id}?done=purging`;
  });
}
