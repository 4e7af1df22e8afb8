import { createClient, type Client, type ClientOptions } from "../src/index.js";

type Reply = Response | Error | ((request: Request) => Response | Promise<Response>);

export interface Bundle {
  api: Client;
  /** The requests that were sent. */
  requests: Request[];
}

/** Returns a client whose `fetch` returns the responses in order. */
export function setup(replies: Reply[], options: Partial<ClientOptions> = {}): Bundle {
  const requests: Request[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    requests.push(request);
    const reply = replies.shift();
    if (reply === undefined) {
      throw new Error(`unexpected request: ${request.method} ${request.url}`);
    }
    if (reply instanceof Error) {
      throw reply;
    }
    return typeof reply === "function" ? reply(request) : reply;
  };
  return { api: createClient({ baseUrl: "https://konstruct.test/", fetch, ...options }), requests };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
}

export function problem(
  status: number,
  code: string,
  members: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Response {
  const body = { type: "about:blank", title: "", status, code, detail: `detail of ${code}`, ...members };
  return json(status, body, { "Content-Type": "application/problem+json", ...headers });
}

/** Returns what a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("the promise was not rejected");
}
