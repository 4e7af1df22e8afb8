import type { ReactNode } from "react";

import { logOut } from "@/app/actions";
import type { Me } from "@/lib/session";
import { Submit } from "./form";
import { Link, NavLink } from "./link";

interface ShellProps {
  me: Me;
  tenant?: { id: string; name: string; role: string };
  children: ReactNode;
}

/** The frame of all pages behind the login. */
export function Shell({ me, tenant, children }: ShellProps) {
  const more = me.user.is_admin || me.memberships.length > 1;
  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <aside>
        <div className="side">
          <Link href="/" className="brand">
            Konstruct
          </Link>
          {tenant ? (
            <div className="tenant">
              <strong>{tenant.name}</strong>
              <span className="muted">{tenant.role}</span>
              {more ? (
                <Link href="/" className="small">
                  Switch tenant
                </Link>
              ) : null}
            </div>
          ) : null}
          <nav aria-label="Main">
            {tenant
              ? tenantLinks(tenant).map(([href, label]) => (
                  <NavLink key={href} href={href}>
                    {label}
                  </NavLink>
                ))
              : null}
            {!tenant && me.memberships.length > 1 ? <NavLink href="/">Tenants</NavLink> : null}
            {me.user.is_admin ? (
              <>
                <NavLink href="/admin/tenants">All tenants</NavLink>
                <NavLink href="/admin/users">All users</NavLink>
                <NavLink href="/admin/audit">Platform audit log</NavLink>
              </>
            ) : null}
            <NavLink href="/profile">Profile</NavLink>
          </nav>
          <div className="person">
            <span className="who">{me.user.name || me.user.email}</span>
            <form action={logOut}>
              <Submit kind="plain">Log out</Submit>
            </form>
          </div>
        </div>
      </aside>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function tenantLinks({ id, role }: { id: string; role: string }): [string, string][] {
  const at = `/t/${id}`;
  const links: [string, string][] = [
    [`${at}/agents`, "Agents"],
    [`${at}/connections`, "Connections"],
    [`${at}/people`, "People"],
  ];
  if (role === "owner" || role === "platform admin") {
    links.push([`${at}/audit`, "Audit log"], [`${at}/settings`, "Settings"]);
  }
  return links;
}
