import type { ReactNode } from "react";

import { Shell } from "@/components/shell";
import { alone, guarded } from "@/lib/page";
import { me } from "@/lib/session";
import { tenantOf } from "@/lib/tenant";

const notes = {
  active: null,
  suspended: "This tenant is suspended: its agents receive no messages, and its members have no access.",
  purging: "This tenant is being deleted.",
};

export default async function TenantLayout({
  params,
  children,
}: {
  params: Promise<{ tenant: string }>;
  children: ReactNode;
}) {
  const { tenant: id } = await params;
  return guarded(async () => {
    const tenant = await tenantOf(id);
    return (
      <Shell me={await me()} tenant={tenant}>
        {tenant.role === "platform admin" && notes[tenant.status] ? (
          <p className="message warn">{notes[tenant.status]}</p>
        ) : null}
        {children}
      </Shell>
    );
  }, alone);
}
