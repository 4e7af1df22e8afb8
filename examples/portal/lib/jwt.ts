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

/** The cookie of the session. Only a portal of this host by HTTPS can set one with the prefix. */
export function cookieName(): string {
  return secure() ? "__Host-konstruct.session" : "konstruct.session";
}

export function secondsUntil(time: string | undefined): number {
  return Math.max(1, Math.floor((Date.parse(time ?? "") - Date.now()) / 1000) || 1);
}

/** Encrypts a JWT that ends with the session of the API. */
export function sessionJwt(token: JWT): Promise<string> {
  const { expiresAt } = token as SessionJwt;
  return encode({ token, secret: secret(), salt: cookieName(), maxAge: secondsUntil(expiresAt) });
}

/** Decrypts the value of the cookie, or returns undefined if it is missing, forged or has expired. */
export async function readJwt(value: string | undefined): Promise<SessionJwt | undefined> {
  try {
    const token = await decode<SessionJwt>({
      ...(value ? { token: value } : {}),
      secret: secret(),
      salt: cookieName(),
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
