"use client";

import NextLink, { useLinkStatus } from "next/link";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";

interface LinkProps {
  href: string;
  children: ReactNode;
  className?: string;
}

/** A link within the portal. It is not prefetched, because a page asks the API for what it shows. */
export function Link({ href, children, className }: LinkProps) {
  return (
    <NextLink href={href} prefetch={false} className={className}>
      {children}
      <Pending />
    </NextLink>
  );
}

/** A link that says when its page, or one below it, is shown. */
export function NavLink({ href, children }: LinkProps) {
  const path = usePathname();
  const here = path === href || (href !== "/" && path.startsWith(`${href}/`));
  return (
    <NextLink href={href} prefetch={false} aria-current={here ? "page" : undefined}>
      {children}
      <Pending />
    </NextLink>
  );
}

/** A bar at the top of the window while a page is being fetched. */
function Pending() {
  const { pending } = useLinkStatus();
  return pending ? (
    <span className="loading" role="status">
      <span className="hidden">Loading</span>
    </span>
  ) : null;
}
