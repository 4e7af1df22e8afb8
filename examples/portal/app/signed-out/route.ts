import { isProblem, unwrap } from "@konstruct/client";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";

import { cookieName } from "@/lib/jwt";
import { api, apiToken } from "@/lib/session";

/**
 * Logs a browser out whose session the API refuses. It asks the API itself, so that a link on another site cannot log
 * anyone out.
 */
export async function GET(): Promise<never> {
  if ((await apiToken()) !== undefined) {
    const refused = await unwrap((await api()).GET("/v1/me")).then(
      () => false,
      (error: unknown) => isProblem(error, "unauthenticated"),
    );
    if (!refused) {
      redirect("/");
    }
  }
  (await cookies()).delete({ name: cookieName(), path: "/" });
  redirect("/login?reason=ended");
}
