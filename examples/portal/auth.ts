import { createClient, isNetworkError, isProblem, unwrap } from "@konstruct/client";
import NextAuth, { CredentialsSignin, type User } from "next-auth";
import Credentials from "next-auth/providers/credentials";
import { cookies, headers } from "next/headers";

import { connection } from "@/lib/connection";
import { cookieName, cookieOptions, secure, sessionJwt } from "@/lib/jwt";

declare module "next-auth" {
  interface User {
    apiToken?: string;
    expiresAt?: string;
  }
}

/** A refused login. The code is the API's, with the seconds to wait if there are any: `too_many_attempts.900`. */
export class LoginFailed extends CredentialsSignin {
  constructor(code: string) {
    super();
    this.code = code;
  }
}

const deviceSeconds = 180 * 24 * 60 * 60;
const sessionSeconds = 7 * 24 * 60 * 60; // the API ends sessions before that

export const { handlers, signIn, signOut } = NextAuth({
  providers: [
    Credentials({
      credentials: { email: { type: "email" }, password: { type: "password" } },
      authorize: (credentials, request) => logIn(credentials, request.headers),
    }),
  ],
  session: { strategy: "jwt", maxAge: sessionSeconds },
  pages: { signIn: "/login", error: "/login" },
  trustHost: true,
  useSecureCookies: secure(),
  cookies: { sessionToken: { name: cookieName("session") } },
  jwt: {
    // The JWT ends with the session of the API, not with the cookie.
    encode: ({ token }) => sessionJwt(token ?? {}),
  },
  callbacks: {
    // The token stays in the encrypted JWT: browsers see a name, an address and the end of the session.
    jwt({ token, user }) {
      return user ? { ...token, apiToken: user.apiToken, expiresAt: user.expiresAt, checkedAt: Date.now() } : token;
    },
    session({ session, token }) {
      return { ...session, expires: String(token["expiresAt"]) };
    },
  },
  events: {
    async signOut(message) {
      const token = "token" in message ? message.token?.apiToken : undefined;
      if (typeof token === "string") {
        // The browser is logged out even if the API does not answer; its session then ends by itself.
        await createClient({ ...connection(await headers()), token })
          .POST("/v1/auth/logout")
          .catch(() => undefined);
      }
    },
  },
  logger: {
    error(error) {
      if (!(error instanceof CredentialsSignin)) {
        console.error(error);
      }
    },
  },
});

async function logIn(credentials: Partial<Record<string, unknown>>, headers: Headers): Promise<User> {
  const jar = await cookies();
  const device = jar.get(cookieName("device"))?.value;
  try {
    const { data } = await unwrap(
      createClient(connection(headers)).POST("/v1/auth/login", {
        body: {
          email: String(credentials["email"] ?? ""),
          password: String(credentials["password"] ?? ""),
          ...(device ? { device_token: device } : {}),
        },
      }),
    );
    jar.set(cookieName("device"), data.device_token, { ...cookieOptions(), maxAge: deviceSeconds });
    const { user, session } = data;
    return { id: user.id, name: user.name, email: user.email, apiToken: session.token, expiresAt: session.expires_at };
  } catch (error) {
    throw new LoginFailed(codeOf(error));
  }
}

function codeOf(error: unknown): string {
  if (isProblem(error)) {
    return error.retryAfter === undefined ? error.code : `${error.code}.${error.retryAfter}`;
  }
  return isNetworkError(error) ? "unavailable" : "internal_error";
}
