/** Returns a path of this portal, or "/" for anything else, such as another site's URL. */
export function ownPath(value: unknown): string {
  if (typeof value !== "string" || !value.startsWith("/")) {
    return "/";
  }
  const base = "http://portal.invalid";
  const url = URL.canParse(value, base) ? new URL(value, base) : undefined; // also understands //host and /\host
  return url?.origin === base ? url.pathname + url.search : "/";
}

/** The pages that are shown without a session. */
export function isPublic(path: string): boolean {
  return /^\/(login|forgot|reset|confirm|invitation|signed-out|api\/auth(\/.*)?)$/.test(path);
}
