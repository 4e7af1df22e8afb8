import { unwrap } from "@konstruct/client";
import type { Metadata } from "next";

import { AuditLog } from "@/components/audit";
import { filterOf, platformLog } from "@/lib/audit";
import { page } from "@/lib/page";

export const metadata: Metadata = { title: "Platform audit log" };

export default page(async ({ client, query }) => {
  const [events, users] = await Promise.all([
    unwrap(
      client.GET("/v1/audit-events", { params: { query: { limit: 30, ...filterOf(query), cursor: query.cursor } } }),
    ),
    unwrap(client.GET("/v1/users", { params: { query: { limit: 200, sort: "name" } } })),
  ]);
  return (
    <AuditLog
      title="Platform audit log"
      path="/admin/audit"
      query={query}
      words={platformLog}
      people={users.data.items}
      events={events.data}
      pages={{ user: "/admin/users", tenant: "/admin/tenants" }}
    >
      What was done outside of tenants, by whom. Each tenant has a log of its own.
    </AuditLog>
  );
});
