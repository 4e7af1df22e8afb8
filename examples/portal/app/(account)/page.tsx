import type { Metadata } from "next";
import { redirect } from "next/navigation";

import { Link } from "@/components/link";
import { Badge, Head, Row, Rows } from "@/components/parts";
import { page } from "@/lib/page";
import { me } from "@/lib/session";

export const metadata: Metadata = { title: "Tenants" };

/** Lets the person choose a tenant, unless there is no choice. */
export default page(async () => {
  const { user, memberships } = await me();
  const [only, ...others] = memberships;
  if (user.is_admin && only === undefined) {
    redirect("/admin/tenants");
  }
  if (!user.is_admin && only !== undefined && others.length === 0) {
    redirect(`/t/${only.tenant.id}/agents`);
  }
  return (
    <>
      <Head title="Choose a tenant">The companies in which you work.</Head>
      <Rows label="Tenants" empty="You are in no tenant yet. Ask an owner of one to invite you.">
        {memberships.map(({ tenant, role }) => (
          <Row
            key={tenant.id}
            title={<Link href={`/t/${tenant.id}/agents`}>{tenant.name}</Link>}
            badges={tenant.status === "suspended" ? <Badge tone="warn">suspended</Badge> : null}
          >
            <span>Your role: {role}</span>
          </Row>
        ))}
      </Rows>
    </>
  );
});
