import type { ReactNode } from "react";

import { Shell } from "@/components/shell";
import { alone, guarded } from "@/lib/page";
import { me, type Me } from "@/lib/session";

export default function AccountLayout({ children }: { children: ReactNode }) {
  return guarded(async () => {
    const person = await me();
    return (
      <Shell me={person} tenant={onlyTenant(person)}>
        {children}
      </Shell>
    );
  }, alone);
}

/** Returns the tenant of a person who has no choice, so that its pages stay in the menu. */
function onlyTenant({ user, memberships: [only, ...others] }: Me) {
  return only && !user.is_admin && others.length === 0 ? { ...only.tenant, role: only.role } : undefined;
}
