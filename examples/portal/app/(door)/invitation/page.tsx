import { isProblem } from "@konstruct/client";
import type { Metadata } from "next";

import { guarded } from "@/lib/page";
import { apiToken, me } from "@/lib/session";
import { Invitation } from "./invitation";

export const metadata: Metadata = { title: "Invitation" };

export default function InvitationPage() {
  return guarded(async () => <Invitation email={await ownEmail()} />);
}

/** Returns the address of the person who is logged in, if there is one. */
async function ownEmail(): Promise<string | undefined> {
  if (!(await apiToken())) {
    return undefined;
  }
  try {
    return (await me()).user.email;
  } catch (error) {
    if (isProblem(error, "unauthenticated")) {
      return undefined;
    }
    throw error;
  }
}
