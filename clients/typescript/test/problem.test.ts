import { expect, expectTypeOf, test } from "vitest";

import { fieldErrors, isProblem, Problem, type FieldProblem, type ProblemCode } from "../src/index.js";
import { json, problem } from "./fake.js";

async function parse(response: Response): Promise<Problem> {
  const text = await response.clone().text();
  try {
    return new Problem(response, JSON.parse(text));
  } catch {
    return new Problem(response, text);
  }
}

test("a problem has the members of its body", async () => {
  const errors = [{ field: "body.slug", code: "too_long", message: "expected length <= 63", limit: 63 }];
  const parsed = await parse(problem(422, "validation_failed", { errors, request_id: "r1", retry_after: 2, more: 1 }));
  expect(parsed).toMatchObject({
    name: "Problem",
    status: 422,
    code: "validation_failed",
    detail: "detail of validation_failed",
    errors,
    requestId: "r1",
    retryAfter: 2,
    body: { more: 1 },
  });
  expect(String(parsed)).toBe("Problem: detail of validation_failed");
});

test("what is missing is undefined or empty", async () => {
  const parsed = await parse(problem(403, "forbidden", { errors: null }));
  expect(parsed).toMatchObject({ errors: [], requestId: undefined, retryAfter: undefined, idempotencyKey: undefined });
});

test.each([
  ["a proxy's page", new Response("<html>", { status: 502, headers: { "X-Request-ID": "r1", "Retry-After": "3" } })],
  ["other JSON", json(502, { status: "not_ready" }, { "X-Request-ID": "r1", "Retry-After": "3" })],
  ["null", json(502, null, { "X-Request-ID": "r1", "Retry-After": "3" })],
  ["a code without a detail", json(502, { code: "x" }, { "X-Request-ID": "r1", "Retry-After": "3" })],
])("the code is unknown for %s", async (_, response) => {
  expect(await parse(response)).toMatchObject({ status: 502, code: "unknown", requestId: "r1", retryAfter: 3 });
});

test("a code of a newer server is kept", async () => {
  expect((await parse(problem(409, "brand_new"))).code).toBe("brand_new");
});

const date = "Sun, 06 Nov 1994 08:49:37 GMT";
test.each<[string, string, number | undefined]>([
  ["120", date, 120],
  ["0", date, 0],
  ["Sun, 06 Nov 1994 08:49:40 GMT", date, 3],
  ["Sunday, 06-Nov-94 08:49:40 GMT", date, 3],
  ["Sun, 06 Nov 1994 08:00:00 GMT", date, 0],
  ["-1", date, undefined],
  ["1.5", date, undefined],
  ["soon", date, undefined],
  ["Sun, 99 Nov 1994", date, undefined],
])("Retry-After: %s", async (value, now, seconds) => {
  const headers = { "Retry-After": value, Date: now };
  expect((await parse(problem(503, "unavailable", {}, headers))).retryAfter).toBe(seconds);
  expect((await parse(problem(503, "unavailable", { retry_after: 7 }, headers))).retryAfter).toBe(7);
});

test("without a Date header a date is compared with the clock", async () => {
  const header = { "Retry-After": new Date(Date.now() + 60_000).toUTCString() };
  const { retryAfter } = await parse(problem(503, "unavailable", {}, header));
  expect(retryAfter).toBeGreaterThan(50);
  expect(retryAfter).toBeLessThanOrEqual(60);
});

test("isProblem narrows to the codes", async () => {
  const error: unknown = await parse(problem(404, "not_found"));
  expect(isProblem(error)).toBe(true);
  expect(isProblem(error, "forbidden")).toBe(false);
  expect(isProblem(new Error("not_found"), "not_found")).toBe(false);
  if (!isProblem(error, "not_found", "forbidden")) {
    throw new Error("not the problem");
  }
  expectTypeOf(error.code).toEqualTypeOf<"not_found" | "forbidden">();
  // @ts-expect-error no such code
  isProblem(error, "try_again");
  expectTypeOf<"outcome_unknown">().toExtend<ProblemCode>();
});

test("fieldErrors names the fields as a form does, with the first error of each", async () => {
  const entry = (field: string, code: string): object => ({ field, code, message: "" });
  const errors = [
    entry("body.name", "required"),
    entry("body.name", "too_short"),
    entry("body.escalation_rules[0].when", "choice"),
    entry("body.__proto__", "unknown"),
    entry("body", "malformed"),
    entry("query.body.limit", "type"),
  ];
  const fields = fieldErrors(await parse(problem(422, "validation_failed", { errors })));
  expectTypeOf(fields["name"]).toEqualTypeOf<FieldProblem | undefined>();
  expect(Object.entries(fields).map(([field, error]) => `${field}: ${error.code}`).sort()).toEqual([
    "__proto__: unknown",
    "body: malformed",
    "escalation_rules[0].when: choice",
    "name: required",
    "query.body.limit: type",
  ]);
  expect(fieldErrors(await parse(problem(404, "not_found")))).toEqual({});
});
