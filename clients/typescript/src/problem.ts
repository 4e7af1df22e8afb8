import type { components } from "./schema.js";

type ProblemBody = components["schemas"]["Problem"];

/** A rule that a field of the request violates. `field` is a path such as `body.slug`; `limit` is the rule's limit. */
export type FieldProblem = components["schemas"]["Field"];

/**
 * The API's codes, and `unknown` for a response that is not a problem of the API, such as a proxy's HTML page. A server
 * newer than this package may send other codes, so a `switch` needs a `default`.
 */
export type ProblemCode = ProblemBody["code"] | "unknown";

/** An unsuccessful response (RFC 9457). Match `code`; the wording of `message` and `detail` may change. */
export class Problem extends Error {
  override readonly name = "Problem";
  /** The HTTP status. */
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  /** The invalid fields; empty if there are none. */
  readonly errors: readonly FieldProblem[];
  /** The X-Request-ID of the request, for reports. */
  readonly requestId: string | undefined;
  /** Seconds to wait before a retry, from the body or the Retry-After header. */
  readonly retryAfter: number | undefined;
  /** The Idempotency-Key that was sent. */
  readonly idempotencyKey: string | undefined;
  /** The decoded JSON of the response, or its text. */
  readonly body: unknown;

  constructor(response: Response, body: unknown, idempotencyKey?: string) {
    const problem = isProblemBody(body) ? body : undefined;
    const detail = problem?.detail ?? `Unexpected response with status ${response.status}.`;
    super(detail);
    this.status = response.status;
    this.code = problem?.code ?? "unknown";
    this.detail = detail;
    this.errors = problem?.errors ?? [];
    this.requestId = problem?.request_id ?? response.headers.get("X-Request-ID") ?? undefined;
    this.retryAfter = problem?.retry_after ?? retryAfterHeader(response.headers);
    this.idempotencyKey = idempotencyKey;
    this.body = body;
  }
}

/**
 * No complete response: the server was unreachable, the connection was lost, or the timeout of the request's signal
 * expired. The request may have been processed. `cause` is the error of `fetch`.
 */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  /** The Idempotency-Key that was sent. */
  readonly idempotencyKey: string | undefined;

  constructor(request: Request, cause: unknown) {
    // Without the query, which may contain what a person searched for.
    super(`no complete response to ${request.method} ${new URL(request.url).pathname}`, { cause });
    this.idempotencyKey = request.headers.get("Idempotency-Key") ?? undefined;
  }
}

/** Reports whether an error is a {@link Problem}, with one of the codes if any are given. */
export function isProblem<Code extends ProblemCode = ProblemCode>(
  error: unknown,
  ...codes: Code[]
): error is Problem & { readonly code: Code } {
  return error instanceof Problem && (codes.length === 0 || codes.some((code) => code === error.code));
}

/** Reports whether an error is a {@link NetworkError}. */
export function isNetworkError(error: unknown): error is NetworkError {
  return error instanceof NetworkError;
}

/**
 * Returns the first error of each field, for a form. The keys are the fields' paths without the leading `body.`; fields
 * of the path, query and headers keep their prefix.
 */
export function fieldErrors(problem: Problem): Record<string, FieldProblem> {
  const fields = problem.errors.map((error) => [error.field.replace(/^body\./, ""), error] as const);
  // The last entry of a key wins. Unlike assignment, fromEntries accepts a field named __proto__.
  return Object.fromEntries(fields.reverse());
}

function isProblemBody(body: unknown): body is ProblemBody {
  return (
    typeof body === "object" &&
    body !== null &&
    "code" in body &&
    typeof body.code === "string" &&
    "detail" in body &&
    typeof body.detail === "string"
  );
}

/** Returns seconds. A date (RFC 9110, section 10.2.3) is compared with the Date header, since clocks differ. */
function retryAfterHeader(headers: Headers): number | undefined {
  const value = headers.get("Retry-After") ?? "";
  if (/^\d+$/.test(value)) {
    return Number(value);
  }
  // Date.parse accepts much else, such as "-1".
  const until = /^[A-Z][a-z]+,? .*\d/.test(value) ? Date.parse(value) : NaN;
  const now = Date.parse(headers.get("Date") ?? "") || Date.now();
  return Number.isNaN(until) ? undefined : Math.max(0, Math.ceil((until - now) / 1000));
}
