import type { ClientOptions } from "@konstruct/client";

const timeout = 20_000; // ms

/**
 * Returns how the API is called on behalf of a browser: with its User-Agent, and with the address that server.mjs has
 * put into a header of its own. The API trusts X-Forwarded-For from its KONSTRUCT_TRUSTED_PROXIES.
 */
export function connection(headers: Headers): ClientOptions {
  const sent: Record<string, string> = {};
  const name = process.env["KONSTRUCT_PORTAL_CLIENT_HEADER"];
  const address = name ? headers.get(name) : undefined;
  const agent = headers.get("user-agent");
  if (address) sent["X-Forwarded-For"] = address;
  if (agent) sent["User-Agent"] = agent;
  return {
    baseUrl: process.env["KONSTRUCT_API_URL"] ?? "http://127.0.0.1:8080",
    headers: sent,
    fetch: (request) =>
      fetch(request, { cache: "no-store", signal: AbortSignal.any([request.signal, AbortSignal.timeout(timeout)]) }),
  };
}
