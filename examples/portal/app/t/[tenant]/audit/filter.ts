import type { operations } from "@konstruct/client";

/** The actions of a tenant's log by which people filter it. */
export const actions = [
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
] as const satisfies (keyof operations)[];

export const objects = ["agent", "channel_connection", "invitation", "member", "tenant"] as const;

type Query = Partial<Record<string, string>>;

/** Returns the parameters of the API for those of the page. Days are those of UTC, and the last one is included. */
export function filterOf(query: Query): {
  actor_id?: string;
  action?: string;
  object_type?: string;
  from?: string;
  to?: string;
} {
  const { actor, action, object } = query;
  const from = dayOf(query["from"]);
  const to = dayOf(query["to"], 1);
  return {
    ...(actor ? { actor_id: actor } : {}),
    ...(action ? { action } : {}),
    ...(object ? { object_type: object } : {}),
    ...(from ? { from } : {}),
    ...(to ? { to } : {}),
  };
}

function dayOf(text: string | undefined, later = 0): string | undefined {
  const time = /^\d{4}-\d\d-\d\d$/.test(text ?? "") ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return Number.isNaN(time) ? undefined : new Date(time + later * 24 * 60 * 60 * 1000).toISOString();
}
