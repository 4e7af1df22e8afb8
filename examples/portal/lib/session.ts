import "server-only";

import { createClient, unwrap, type Client, type Data } from "@konstruct/client";
import { cookies, headers } from "next/headers";
import { redirect } from "next/navigation";
import { cache } from "react";

import { connection } from "./connection";
import { cookieName, cookieOptions, readJwt } from "./jwt";

/** Returns the token of the browser's session, or undefined. It must not be passed to a client component. */
export async function apiToken(): Promise<string | undefined> {
  return (await readJwt((await cookies()).get(cookieName("session"))?.value))?.apiToken;
}

/** Logs the browser out whose session the API refuses. For route handlers and server actions. */
export async function signedOut(): Promise<never> {
  (await cookies()).delete({ name: cookieName("session"), ...cookieOptions() });
  redirect("/login?reason=ended");
}

/** Returns a client of the API without a session. */
export async function publicApi(): Promise<Client> {
  return createClient(connection(await headers()));
}

/** Returns a client of the API for the logged-in person, or leads to the login. */
export async function api(): Promise<Client> {
  const token = await apiToken();
  if (token === undefined) {
    redirect("/login");
  }
  return createClient({ ...connection(await headers()), token });
}

export type Me = Data<Awaited<ReturnType<typeof fetchMe>>>;

const fetchMe = async () => (await api()).GET("/v1/me");

/** Returns the logged-in person; once per request. Throws what `unwrap` throws. */
export const me = cache(async (): Promise<Me> => (await unwrap(fetchMe())).data);
