import { isProblem } from "@konstruct/client";
import { redirect } from "next/navigation";

import { me } from "@/lib/session";

export default async function HomePage() {
  const { user, memberships } = await me().catch((error: unknown) => {
    if (isProblem(error, "unauthenticated")) {
      redirect("/signed-out");
    }
    throw error;
  });
  return (
    <main>
      <h1>Hello {user.name}</h1>
      <ul>
        {memberships.map(({ tenant, role }) => (
          <li key={tenant.id}>
            {tenant.name}: {role}
          </li>
        ))}
      </ul>
    </main>
  );
}
