import { decode, encode, type JWT } from "next-auth/jwt";

/** The JWT of a browser's session: encrypted in its cookie, and decrypted on the portal's server only. */
export interface SessionJwt extends JWT {
  apiToken?: string;
  /** When the API ends the session unless it is used before. */
  expiresAt?: string;
  /** When the portal has last asked the API for expiresAt, in ms. */
  checkedAt?: number;
}

/** Reports whether browsers reach the portal by HTTPS. */
export function secure(): boolean {
  return (process.env["AUTH_URL"] ?? "").startsWith("https:");
}

/** The name of a cookie. By HTTPS it has a prefix with which only this host can set it. */
export function cookieName(cookie: "session" | "device"): string {
  return `${secure() ? "__Host-" : ""}konstruct.${cookie}`;
}

/** The attributes of a cookie, also of one that is deleted: browsers ignore a prefixed name without them. */
export function cookieOptions() {
  return { httpOnly: true, secure: secure(), sameSite: "lax", path: "/" } as const;
}

export function secondsUntil(time: string | undefined): number {
  return Math.max(1, Math.floor((Date.parse(time ?? "") - Date.now()) / 1000) || 1);
}

/** Encrypts a JWT that ends with the session of the API. */
export function sessionJwt(token: JWT): Promise<string> {
  const { expiresAt } = token as SessionJwt;
  return encode({ token, secret: secret(), salt: cookieName("session"), maxAge: secondsUntil(expiresAt) });
}

/** Decrypts the value of the cookie, or returns undefined if it is missing, forged or has expired. */
export async function readJwt(value: string | undefined): Promise<SessionJwt | undefined> {
  try {
    const token = await decode<SessionJwt>({
      ...(value ? { token: value } : {}),
      secret: secret(),
      salt: cookieName("session"),
    });
    return token ?? undefined;
  } catch {
    return undefined;
  }
}

function secret(): string {
  const value = process.env["AUTH_SECRET"];
  if (!value) {
    throw new Error("AUTH_SECRET is not set");
  }
  return value;
}
