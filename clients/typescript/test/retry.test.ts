import { beforeEach, expect, test, vi } from "vitest";

import { idempotencyKey, unwrap, withRetry, type RetryOptions, type Unwrapped } from "../src/index.js";
import { json, problem, rejection, setup, type Bundle } from "./fake.js";

type Sends = "no key" | "its key" | "another key";

interface Attempt extends Bundle {
  result: Promise<Unwrapped<unknown>>;
}

/** Sends a POST with retries, which wait on fake timers. */
function send(sends: Sends, replies: (Response | Error)[], options: RetryOptions = {}): Attempt {
  const bundle = setup(replies);
  const result = withRetry((key) => {
    const sent = { "no key": null, "its key": key, "another key": idempotencyKey() }[sends];
    const body = { name: "Acme", slug: "acme" };
    return unwrap(bundle.api.POST("/v1/tenants", { body, headers: { "Idempotency-Key": sent } }));
  }, options);
  return { ...bundle, result };
}

const created = (): Response => json(201, { id: "t1" });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.spyOn(Math, "random").mockReturnValue(0);
  return () => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  };
});

const failures: [string, () => Response | Error, Record<Sends, boolean>][] = [
  ["unavailable", () => problem(503, "unavailable"), always()],
  ["overloaded", () => problem(503, "overloaded", { retry_after: 1 }), always()],
  ["429", () => problem(429, "too_many_attempts", {}, { "Retry-After": "30" }), always()],
  ["429 without a time", () => problem(429, "too_many_attempts"), never()],
  ["429 after more than maxWait", () => problem(429, "too_many_attempts", { retry_after: 31 }), never()],
  ["unavailable for more than maxWait", () => problem(503, "unavailable", { retry_after: 31 }), never()],
  ["outcome_unknown", () => problem(503, "outcome_unknown"), withItsKey()],
  ["outcome_unknown with a time", () => problem(503, "outcome_unknown", { retry_after: 1 }), withItsKey()],
  ["a network failure", () => new TypeError("fetch failed"), withItsKey()],
  ["a proxy's 502", () => new Response("<html>", { status: 502 }), withItsKey()],
  ["a proxy's 503", () => new Response("<html>", { status: 503 }), withItsKey()],
  ["a proxy's 504", () => new Response("<html>", { status: 504 }), withItsKey()],
  ["request_in_progress", () => problem(409, "request_in_progress"), withItsKey()],
  ["already_taken", () => problem(409, "already_taken", { retry_after: 1 }), never()],
  ["422", () => problem(422, "validation_failed", { retry_after: 1 }), never()],
  ["internal_error", () => problem(500, "internal_error"), never()],
  ["a proxy's 500", () => new Response("<html>", { status: 500 }), never()],
];

function always(): Record<Sends, boolean> {
  return { "no key": true, "its key": true, "another key": true };
}

function never(): Record<Sends, boolean> {
  return { "no key": false, "its key": false, "another key": false };
}

function withItsKey(): Record<Sends, boolean> {
  return { "no key": false, "its key": true, "another key": false };
}

for (const [name, failure, retried] of failures) {
  for (const sends of ["no key", "its key", "another key"] as const) {
    test(`${name} with ${sends} is ${retried[sends] ? "" : "not "}retried`, async () => {
      const { requests, result } = send(sends, [failure(), created()]);
      const outcome = retried[sends] ? result : rejection(result);
      await vi.runAllTimersAsync();
      expect(await outcome).toBeDefined();
      expect(requests).toHaveLength(retried[sends] ? 2 : 1);
    });
  }
}

test("each attempt sends the same key", async () => {
  const { requests, result } = send("its key", [new TypeError("fetch failed"), created()]);
  await vi.runAllTimersAsync();
  await result;
  const keys = requests.map((request) => request.headers.get("Idempotency-Key"));
  expect(keys[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(keys[1]).toBe(keys[0]);
});

test("a form's key is sent", async () => {
  const { requests, result } = send("its key", [created()], { key: "form" });
  await result;
  expect(requests[0]?.headers.get("Idempotency-Key")).toBe("form");
});

test("the last attempt's error is thrown", async () => {
  const replies = [problem(503, "unavailable"), problem(503, "unavailable"), problem(503, "overloaded")];
  const { requests, result } = send("no key", replies);
  const error = rejection(result);
  await vi.runAllTimersAsync();
  expect(await error).toMatchObject({ code: "overloaded" });
  expect(requests).toHaveLength(3);
});

test("it waits for the server's time, else twice as long each time", async () => {
  const slow = problem(503, "unavailable", { retry_after: 7 });
  const replies = [1, 2, 3, 4, 5, 6].map(() => problem(503, "unavailable"));
  const { requests, result } = send("no key", [slow, ...replies, created()], { attempts: 8 });
  const sentAt: number[] = [];
  for (let passed = 0; requests.length < 8; passed += 100) {
    await vi.advanceTimersByTimeAsync(passed === 0 ? 0 : 100);
    while (sentAt.length < requests.length) {
      sentAt.push(passed / 1000);
    }
  }
  await result;
  const waits = sentAt.slice(1).map((at, i) => at - (sentAt[i] ?? 0));
  expect(waits).toEqual([7, 1, 2, 4, 8, 8, 8]);
});

test("a random part makes the wait longer, never shorter", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  const { requests, result } = send("no key", [problem(503, "unavailable", { retry_after: 10 }), created()]);
  await vi.advanceTimersByTimeAsync(11_999);
  expect(requests).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  await result;
});

test("the signal ends the waiting with its reason", async () => {
  const controller = new AbortController();
  const { requests, result } = send("no key", [problem(503, "unavailable")], { signal: controller.signal });
  const error = rejection(result);
  await vi.advanceTimersByTimeAsync(100);
  const reason = new Error("the user left");
  controller.abort(reason);
  expect(await error).toBe(reason);
  expect(requests).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});

test("a signal that outlives the call keeps no listener", async () => {
  const { signal } = new AbortController();
  const added = vi.spyOn(signal, "addEventListener");
  const removed = vi.spyOn(signal, "removeEventListener");
  const { result } = send("no key", [problem(503, "unavailable"), created()], { signal });
  await vi.runAllTimersAsync();
  await result;
  expect(added).toHaveBeenCalledTimes(1);
  expect(removed).toHaveBeenCalledWith("abort", added.mock.calls[0]?.[1]);
});

test("nothing is sent with an aborted signal", async () => {
  const reason = new Error("the user left");
  const { requests, result } = send("no key", [created()], { signal: AbortSignal.abort(reason) });
  expect(await rejection(result)).toBe(reason);
  expect(requests).toHaveLength(0);
});

test("an error of the caller's own code is thrown at once", async () => {
  const call = vi.fn(() => Promise.reject(new Error("mine")));
  expect(await rejection(withRetry(call))).toMatchObject({ message: "mine" });
  expect(call).toHaveBeenCalledTimes(1);
});
