import createFetchClient, {
  type Client as FetchClient,
  type ClientOptions as FetchOptions,
  type Middleware,
} from "openapi-fetch";

import { NetworkError, Problem } from "./problem.js";
import type { paths } from "./schema.js";

/** A method per HTTP method: `GET(path, init)` resolves to `{ data, response }` or `{ error, response }`. */
export type Client = FetchClient<paths>;

export interface ClientOptions {
  /** The server's URL, such as `https://konstruct.example.com`. */
  baseUrl: string;
  /**
   * The session token, or a function that returns it and is called for each request. It is not sent if it is
   * `undefined` or "", or if the request has its own Authorization header.
   */
  token?: string | undefined | (() => string | undefined | Promise<string | undefined>);
  /** Replaces the global `fetch`. */
  fetch?: ((request: Request) => Promise<Response>) | undefined;
  /** Headers of every request. */
  headers?: NonNullable<FetchOptions["headers"]> | undefined;
}

/** What a {@link Client}'s method resolves to. */
export interface Result<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of a successful {@link Result}. */
export type Data<R> = R extends { data: infer T } ? T : never;

/** A successful response. */
export interface Unwrapped<T> {
  data: T;
  /** The ETag header: the version of the resource. */
  etag: string | undefined;
  /** The Location header: the path of a created resource. */
  location: string | undefined;
  response: Response;
}

/**
 * Returns a client of the API. Its methods reject with a {@link NetworkError} if there is no complete response, with a
 * {@link Problem} of code `unknown` if a successful response is not JSON, and with the reason of the request's `signal`
 * if it was aborted other than by a timeout.
 */
export function createClient(options: ClientOptions): Client {
  const client = createFetchClient<paths>({
    baseUrl: options.baseUrl,
    // Looked up for each request, since frameworks and tests replace it.
    fetch: options.fetch ?? ((request) => globalThis.fetch(request)),
    headers: options.headers ?? {},
  });
  client.use(authorization(options.token), responses);
  return client;
}

/**
 * Returns the data and headers of a successful response, and throws a {@link Problem} for any other. This includes 304,
 * the response to a matching If-None-Match, which has the code `unknown`.
 */
export async function unwrap<R extends Result<unknown>>(call: Promise<R>): Promise<Unwrapped<Data<R>>> {
  const { data, error, response } = await call;
  if (!response.ok) {
    throw new Problem(response, error, sentKeys.get(response));
  }
  return {
    data: data as Data<R>, // undefined only if the operation has no content
    etag: response.headers.get("ETag") ?? undefined,
    location: response.headers.get("Location") ?? undefined,
    response,
  };
}

function authorization(token: ClientOptions["token"]): Middleware {
  return {
    async onRequest({ request }) {
      if (request.headers.has("Authorization")) {
        return;
      }
      const value = typeof token === "function" ? await token() : token;
      if (value) {
        request.headers.set("Authorization", `Bearer ${value}`);
      }
    },
  };
}

/** The Idempotency-Key of the request, by its response. */
const sentKeys = new WeakMap<Response, string>();

/** Reads the body before openapi-fetch does, so that a failure to read or parse it is typed, too. */
const responses: Middleware = {
  onError: ({ request, error }) => (isCanceled(request) ? undefined : new NetworkError(request, error)),
  async onResponse({ request, response, options }) {
    const key = request.headers.get("Idempotency-Key") ?? undefined;
    const complete = response.ok && options.parseAs === "stream" ? response : await read(request, response);
    if (key !== undefined) {
      sentKeys.set(complete, key);
    }
    if (response.ok && options.parseAs === "json") {
      await requireJSON(complete, key);
    }
    return complete;
  },
};

/** Returns the response with its body in memory. */
async function read(request: Request, response: Response): Promise<Response> {
  try {
    const body = await response.arrayBuffer();
    const { status, statusText, headers } = response;
    return new Response(body.byteLength > 0 ? body : null, { status, statusText, headers });
  } catch (error) {
    throw isCanceled(request) ? request.signal.reason : new NetworkError(request, error);
  }
}

async function requireJSON(response: Response, key: string | undefined): Promise<void> {
  const text = await response.clone().text();
  try {
    JSON.parse(text || "null");
  } catch {
    throw new Problem(response, text, key);
  }
}

/** Reports whether the caller aborted the request. A timeout counts as a network failure. */
function isCanceled({ signal }: Request): boolean {
  return signal.aborted && !(signal.reason instanceof DOMException && signal.reason.name === "TimeoutError");
}
