import { NetworkError, Problem } from "./problem.js";

export interface RetryOptions {
  /** The maximum number of calls. Default 3. */
  attempts?: number | undefined;
  /** Aborts the wait. Pass it to the requests as well. */
  signal?: AbortSignal | undefined;
  /** The longest wait in seconds; a problem with a longer `retryAfter` is thrown. Default 30. */
  maxWait?: number | undefined;
  /** The key that is passed to `call`. Default: a new one. With one key per form, a double submit has one result. */
  key?: string | undefined;
}

/** The codes of a request that may have been processed, or still is. */
const unsettled = new Set<string>(["outcome_unknown", "request_in_progress"]);

const firstWait = 0.5; // seconds, doubled with each attempt
const longestBackoff = 8;

/** Returns a new Idempotency-Key. */
export function idempotencyKey(): string {
  return crypto.randomUUID();
}

/**
 * Retries a request that was not processed: `unavailable`, `overloaded`, and 429 with a `retryAfter`. It waits for
 * `retryAfter`, or for half a second, doubled with each attempt. `call` must throw, so call `unwrap` in it.
 *
 * After `outcome_unknown`, `request_in_progress` (an earlier attempt with this key), a {@link NetworkError} or a
 * proxy's 502, 503 or 504 the request may have been processed. It is retried only if it sent the key passed to `call`
 * as its Idempotency-Key, which the route must support. All other errors are thrown at once.
 */
export async function withRetry<T>(call: (key: string) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { attempts = 3, signal, maxWait = 30, key = idempotencyKey() } = options;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await call(key);
    } catch (error) {
      const wait = attempt < attempts ? secondsUntilRetry(error, key, attempt) : undefined;
      if (wait === undefined || wait > maxWait) {
        throw error;
      }
      await sleep(wait, signal);
    }
  }
}

/** Returns undefined if the request must not be retried. */
function secondsUntilRetry(error: unknown, key: string, attempt: number): number | undefined {
  const backoff = Math.min(firstWait * 2 ** (attempt - 1), longestBackoff);
  if (error instanceof NetworkError) {
    return error.idempotencyKey === key ? backoff : undefined;
  }
  if (!(error instanceof Problem)) {
    return undefined;
  }
  if (error.code === "unavailable" || error.code === "overloaded") {
    return error.retryAfter ?? backoff;
  }
  if (error.status === 429) {
    return error.retryAfter;
  }
  if (error.idempotencyKey !== key) {
    return undefined;
  }
  const lost = error.code === "unknown" && [502, 503, 504].includes(error.status);
  return lost || unsettled.has(error.code) ? (error.retryAfter ?? backoff) : undefined;
}

/** Waits up to 20 % longer, so that clients that failed at the same time do not retry at the same time. */
function sleep(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const aborted = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener("abort", aborted);
        resolve();
      },
      seconds * 1000 * (1 + Math.random() / 5),
    );
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
