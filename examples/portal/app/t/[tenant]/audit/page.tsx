import { unwrap } from "@konstruct/client";
import type { Metadata } from "next";

import { AuditLog } from "@/components/audit";
import { filterOf, tenantLog } from "@/lib/audit";
import { page } from "@/lib/page";

export const metadata: Metadata = { title: "Audit log" };

export default page(async ({ client, params: { tenant: id = "" }, query }) => {
  const path = { tenant_id: id };
  const [events, members] = await Promise.all([
    unwrap(
      client.GET("/v1/tenants/{tenant_id}/audit-events", {
        params: { path, query: { limit: 30, ...filterOf(query), cursor: query.cursor } },
      }),
    ),
    unwrap(client.GET("/v1/tenants/{tenant_id}/members", { params: { path, query: { limit: 200 } } })),
  ]);
  return (
    <AuditLog
      title="Audit log"
      path={`/t/${id}/audit`}
      query={query}
      words={tenantLog}
      people={members.data.items.map(({ user }) => user)}
      events={events.data}
      pages={{ agent: `/t/${id}/agents`, channel_connection: `/t/${id}/connections` }}
    >
      What was done in this tenant, by whom.
    </AuditLog>
  );
});
