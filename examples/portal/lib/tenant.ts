import "server-only";

import { unwrap, type Schemas } from "@konstruct/client";
import { notFound } from "next/navigation";
import { cache } from "react";

import type { Role } from "./role";
import { api, me } from "./session";

/** A tenant with the role of the logged-in person in it. */
export interface OwnTenant {
  id: string;
  name: string;
  status: Schemas["Tenant"]["status"];
  role: Role | "platform admin";
}

/** Returns the tenant of a path, or leads to "not found" for one that the person has no access to. */
export const tenantOf = cache(async (id: string): Promise<OwnTenant> => {
  const { user, memberships } = await me();
  if (user.is_admin) {
    const path = { tenant_id: id };
    const { data } = await unwrap((await api()).GET("/v1/tenants/{tenant_id}", { params: { path } }));
    return { id, name: data.name, status: data.status, role: "platform admin" };
  }
  const membership = memberships.find(({ tenant }) => tenant.id === id) ?? notFound();
  return { id, name: membership.tenant.name, status: membership.tenant.status, role: membership.role };
});
