import { createClient, isProblem, unwrap } from "@konstruct/client";
import { NextResponse, type NextRequest } from "next/server";

import { connection } from "@/lib/connection";
import { cookieName, cookieOptions, readJwt, sessionJwt, type SessionJwt } from "@/lib/jwt";
import { isPublic } from "@/lib/paths";

const checkEvery = 60_000; // ms

/**
 * Redirects to the login without a session, extends the cookie with the API's session, and sets security headers.
 * Strict-Transport-Security is the reverse proxy's, which terminates TLS for the whole host.
 */
export async function proxy(request: NextRequest): Promise<NextResponse> {
  if (isForeign(request)) {
    return new NextResponse("This form was sent from another site.", { status: 403 });
  }
  const { pathname, search } = request.nextUrl;
  const jwt = await readJwt(request.cookies.get(cookieName("session"))?.value);
  // A form's action leads to the login by itself, in a way that the page understands.
  if (jwt === undefined && !isPublic(pathname) && request.method !== "POST") {
    const login = new URL("/login", process.env["AUTH_URL"] ?? request.url);
    login.searchParams.set("callbackUrl", pathname + search);
    return NextResponse.redirect(login, 303);
  }
  const nonce = btoa(crypto.randomUUID());
  const policy = contentSecurityPolicy(nonce);
  const headers = new Headers(request.headers);
  headers.set("Content-Security-Policy", policy); // Next.js reads the nonce from it
  const response = NextResponse.next({ request: { headers } });
  for (const [name, value] of Object.entries(securityHeaders(policy))) {
    response.headers.set(name, value);
  }
  // A change may end the session, so only reads extend it.
  if (request.method === "GET" && jwt && !isPublic(pathname) && Date.now() - (jwt.checkedAt ?? 0) > checkEvery) {
    await extend(response, request.headers, jwt);
  }
  return response;
}

/** Reports whether another site's page has sent a form. Next.js would answer it with 500. */
function isForeign({ method, headers }: NextRequest): boolean {
  const origin = headers.get("origin");
  const host = headers.get("x-forwarded-host") ?? headers.get("host");
  return method === "POST" && origin !== null && (!URL.canParse(origin) || new URL(origin).host !== host);
}

async function extend(response: NextResponse, headers: Headers, jwt: SessionJwt): Promise<void> {
  try {
    const { data } = await unwrap(createClient({ ...connection(headers), token: jwt.apiToken }).GET("/v1/me"));
    const value = await sessionJwt({ ...jwt, expiresAt: data.session.expires_at, checkedAt: Date.now() });
    response.cookies.set(cookieName("session"), value, {
      ...cookieOptions(),
      expires: new Date(data.session.expires_at),
    });
  } catch (error) {
    // The page asks the API as well, and shows what is wrong.
    if (!isProblem(error)) console.error("the session was not extended:", error);
  }
}

function contentSecurityPolicy(nonce: string): string {
  const dev = process.env.NODE_ENV === "development";
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${dev ? " 'unsafe-eval'" : ""}`,
    `style-src 'self' ${dev ? "'unsafe-inline'" : `'nonce-${nonce}'`}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function securityHeaders(policy: string): Record<string, string> {
  return {
    "Content-Security-Policy": policy,
    // With no-referrer, browsers send forms with "Origin: null", which server actions refuse.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
  };
}

export const config = { matcher: "/((?!_next/static/|icon.svg$).*)" };
