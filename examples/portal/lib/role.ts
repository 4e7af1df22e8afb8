export const roles = ["viewer", "editor", "owner"] as const;
export type Role = (typeof roles)[number];

export const roleOptions: [Role, string][] = [
  ["viewer", "Viewer: reads"],
  ["editor", "Editor: also manages agents"],
  ["owner", "Owner: also manages people and connections"],
];

/** Reports whether a role includes another. A platform admin's role is "platform admin". */
export function may(role: string, least: Role): boolean {
  return role === "platform admin" || roles.indexOf(role as Role) >= roles.indexOf(least);
}
