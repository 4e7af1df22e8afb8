import "server-only";

import { isProblem, unwrap, type operations, type Result } from "@konstruct/client";
import { redirect } from "next/navigation";

import { words } from "./words";

/** The actions and kinds of objects that an audit log's filter offers. */
export interface LogWords {
  actions: (keyof operations | "enter-tenant" | "export-audit-events" | "tenant-purged" | "user-erased")[];
  objects: string[];
}

export const tenantLog: LogWords = {
  actions: [
    "create-agent",
    "update-agent",
    "duplicate-agent",
    "delete-agent",
    "create-channel-connection",
    "update-channel-connection",
    "delete-channel-connection",
    "create-invitation",
    "resend-invitation",
    "revoke-invitation",
    "accept-invitation",
    "update-member",
    "remove-member",
    "update-tenant",
    "enter-tenant",
    "export-audit-events",
  ],
  objects: ["agent", "channel_connection", "invitation", "user", "tenant"],
};

export const platformLog: LogWords = {
  actions: [
    "login",
    "logout",
    "forgot-password",
    "reset-password",
    "change-password",
    "request-email-change",
    "confirm-email",
    "update-me",
    "end-session",
    "end-other-sessions",
    "create-user",
    "update-user",
    "unlock-user",
    "end-user-sessions",
    "export-user",
    "erase-user",
    "user-erased",
    "create-tenant",
    "delete-tenant",
    "tenant-purged",
    "export-audit-events",
  ],
  objects: ["user", "session", "tenant"],
};

type Query = Partial<Record<string, string>>;

/** Returns the parameters of the API for those of the page. Days are those of UTC, and the last one is included. */
export function filterOf(query: Query) {
  return {
    actor_id: query["actor"],
    action: query["action"],
    object_type: query["object"],
    from: dayOf(query["from"]),
    to: dayOf(query["to"], 1),
  };
}

function dayOf(text: string | undefined, later = 0): string | undefined {
  const time = /^\d{4}-\d\d-\d\d$/.test(text ?? "") ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return Number.isNaN(time) ? undefined : new Date(time + later * 24 * 60 * 60 * 1000).toISOString();
}

/** Passes an export of the API on, line by line. The call must not parse its response. */
export async function download(call: Promise<Result<unknown>>): Promise<Response> {
  try {
    const { response } = await unwrap(call);
    return new Response(response.body, {
      headers: {
        "Content-Type": "application/x-ndjson",
        "Content-Disposition": 'attachment; filename="audit-events.ndjson"',
      },
    });
  } catch (error) {
    if (isProblem(error, "unauthenticated")) {
      redirect("/signed-out");
    }
    return new Response(words(error), { status: isProblem(error) ? error.status : 502 });
  }
}
