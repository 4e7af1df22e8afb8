import { isProblem, unwrap } from "@konstruct/client";
import { redirect } from "next/navigation";

import { api, apiToken, signedOut } from "@/lib/session";

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
  return signedOut();
}
