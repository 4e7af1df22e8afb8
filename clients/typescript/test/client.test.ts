import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, expectTypeOf, onTestFinished, test } from "vitest";

import { createClient, ifMatch, isNetworkError, isProblem, NetworkError, Problem, unwrap } from "../src/index.js";
import type { Schemas, Unwrapped } from "../src/index.js";
import { json, problem, rejection, setup } from "./fake.js";

const tenant = { id: "t1", name: "Acme", slug: "acme", status: "active", settings: {} };
const path = { tenant_id: "t1" };

test("a request has the base URL, the path, the headers and the token", async () => {
  const headers = { "X-Forwarded-For": "192.0.2.1" };
  const { api, requests } = setup([json(200, tenant)], { token: "secret", headers });
  await unwrap(api.GET("/v1/tenants/{tenant_id}", { params: { path: { tenant_id: "a/b" } } }));
  expect(requests[0]?.url).toBe("https://konstruct.test/v1/tenants/a%2Fb");
  expect(requests[0]?.headers.get("Authorization")).toBe("Bearer secret");
  expect(requests[0]?.headers.get("X-Forwarded-For")).toBe("192.0.2.1");
});

test("a function returns the token of each request", async () => {
  const tokens = ["one", undefined, ""];
  const { api, requests } = setup([json(200, {}), json(200, {}), json(200, {})], {
    token: () => Promise.resolve(tokens.shift()),
  });
  for (let i = 0; i < 3; i++) {
    await api.GET("/v1/me");
  }
  expect(requests.map((request) => request.headers.get("Authorization"))).toEqual(["Bearer one", null, null]);
});

test("a request's own Authorization header wins", async () => {
  const { api, requests } = setup([json(200, {})], { token: "secret" });
  await api.GET("/v1/me", { headers: { Authorization: "Bearer other" } });
  expect(requests[0]?.headers.get("Authorization")).toBe("Bearer other");
});

test("an error of the token function is thrown as it is", async () => {
  const failure = new Error("no session");
  const { api, requests } = setup([], { token: () => Promise.reject(failure) });
  expect(await rejection(unwrap(api.GET("/v1/me")))).toBe(failure);
  expect(requests).toHaveLength(0);
});

test("the global fetch is looked up for each request", async () => {
  const api = createClient({ baseUrl: "https://konstruct.test" });
  const before = globalThis.fetch;
  onTestFinished(() => void (globalThis.fetch = before));
  globalThis.fetch = () => Promise.resolve(json(200, tenant));
  expect((await unwrap(api.GET("/v1/tenants/{tenant_id}", { params: { path } }))).data.name).toBe("Acme");
});

test("unwrap returns data, ETag and Location", async () => {
  const { api } = setup([json(201, tenant, { ETag: '"v1"', Location: "/v1/tenants/t1" })]);
  const created = await unwrap(api.POST("/v1/tenants", { body: { name: "Acme", slug: "acme" } }));
  expectTypeOf(created).toEqualTypeOf<Unwrapped<Schemas["Tenant"]>>();
  expect(created).toMatchObject({ data: tenant, etag: '"v1"', location: "/v1/tenants/t1" });
  expect(created.response.status).toBe(201);
});

test("unwrap returns undefined where there is no content", async () => {
  const { api } = setup([new Response(null, { status: 204 }), json(202, { status: "running", deleted: { agents: 2 } })]);
  const { data, etag } = await unwrap(api.POST("/v1/auth/logout"));
  expectTypeOf(data).toEqualTypeOf<undefined>();
  expect(data).toBeUndefined();
  expect(etag).toBeUndefined();
  const purge = await unwrap(api.DELETE("/v1/tenants/{tenant_id}", { params: { path, query: { purge: true } } }));
  expectTypeOf(purge.data).toEqualTypeOf<Schemas["Purge"]>();
  expect(purge.data.deleted["agents"]).toBe(2);
});

test("unwrap throws a problem", async () => {
  const { api } = setup([problem(404, "not_found", { request_id: "r1" })]);
  const error = await rejection(unwrap(api.GET("/v1/tenants/{tenant_id}", { params: { path } })));
  expect(error).toBeInstanceOf(Problem);
  expect(error).toMatchObject({ status: 404, code: "not_found", requestId: "r1", message: "detail of not_found" });
});

test("without unwrap the problem's body is the error", async () => {
  const { api } = setup([problem(404, "not_found")]);
  const { error } = await api.GET("/v1/tenants/{tenant_id}", { params: { path } });
  expectTypeOf(error).toEqualTypeOf<Schemas["Problem"] | undefined>();
  expect(error?.code).toBe("not_found");
});

test("a 304 is thrown with its status", async () => {
  const { api } = setup([new Response(null, { status: 304, headers: { ETag: '"v1"' } })]);
  const header = { "If-None-Match": '"v1"' };
  const error = await rejection(unwrap(api.GET("/v1/tenants/{tenant_id}", { params: { path, header } })));
  expect(error).toMatchObject({ status: 304, code: "unknown" });
});

test.each(["<html>hello</html>", '{"id": "t1"'])("a success that is not JSON is a problem: %s", async (body) => {
  const { api } = setup([new Response(body), new Response(body, { headers: { "Content-Length": "18" } })]);
  for (let i = 0; i < 2; i++) {
    const error = await rejection(api.GET("/v1/me", { headers: { "Idempotency-Key": "k" } }));
    expect(isProblem(error, "unknown")).toBe(true);
    expect(error).toMatchObject({ status: 200, body, idempotencyKey: "k" });
  }
});

test("parseAs reads what is not JSON, and a stream before it has ended", async () => {
  const lines = "{}\n{}\n";
  const stream = new TransformStream<Uint8Array, Uint8Array>();
  const { api } = setup([new Response(lines), new Response(stream.readable)]);
  expect((await unwrap(api.GET("/v1/me", { parseAs: "text" }))).data).toBe(lines);
  const { data } = await unwrap(api.GET("/v1/me", { parseAs: "stream" }));
  expectTypeOf(data).toEqualTypeOf<ReadableStream<Uint8Array<ArrayBuffer>> | null>();
  const writer = stream.writable.getWriter();
  void writer.write(new TextEncoder().encode(lines));
  void writer.close();
  expect(await new Response(data).text()).toBe(lines);
});

test("ifMatch takes an ETag, an item and a response, and is required where the document says so", async () => {
  const { api, requests } = setup([json(200, tenant, { ETag: '"v2"' }), json(200, tenant)]);
  const header = { ...ifMatch({ etag: '"v1"' }), "Idempotency-Key": "k" };
  const updated = await unwrap(api.PATCH("/v1/tenants/{tenant_id}", { params: { path, header }, body: {} }));
  await api.PATCH("/v1/tenants/{tenant_id}", { params: { path, header: ifMatch(updated) }, body: {} });
  expect(requests.map((request) => request.headers.get("If-Match"))).toEqual(['"v1"', '"v2"']);
  expect(ifMatch('W/"v1"')).toEqual({ "If-Match": 'W/"v1"' });
  expect(() => ifMatch({ etag: undefined })).toThrow(TypeError);
  // @ts-expect-error an update needs If-Match
  expectTypeOf(api.PATCH).toBeCallableWith("/v1/tenants/{tenant_id}", { params: { path }, body: {} });
});

test("a network failure is typed", async () => {
  const cause = new TypeError("fetch failed");
  const { api } = setup([cause]);
  const error = await rejection(unwrap(api.GET("/v1/tenants", { params: { query: { cursor: "private" } } })));
  expect(isNetworkError(error)).toBe(true);
  expect(error).toMatchObject({ cause, message: "no complete response to GET /v1/tenants", idempotencyKey: undefined });
});

test("an abort is thrown as it is, a timeout is a network failure", async () => {
  const { baseUrl } = await listen(() => undefined);
  const api = createClient({ baseUrl });
  const reason = new Error("the user left");
  expect(await rejection(unwrap(api.GET("/v1/me", { signal: AbortSignal.abort(reason) })))).toBe(reason);
  const error = await rejection(unwrap(api.GET("/v1/me", { signal: AbortSignal.timeout(20) })));
  expect(error).toMatchObject({ name: "NetworkError", cause: { name: "TimeoutError" } });
});

test("a connection that ends within the body is a network failure", async () => {
  const { baseUrl } = await listen((_, response) => {
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "100" });
    response.write('{"items":', () => response.destroy());
  });
  for (const parseAs of ["json", "text"] as const) {
    expect(await rejection(unwrap(createClient({ baseUrl }).GET("/v1/me", { parseAs })))).toBeInstanceOf(NetworkError);
  }
});

test("an abort within the body is thrown as it is", async () => {
  const controller = new AbortController();
  const reason = new Error("the user left");
  const { baseUrl } = await listen((_, response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.write('{"items":');
  });
  const fetch = async (request: Request): Promise<Response> => {
    const response = await globalThis.fetch(request);
    controller.abort(reason);
    return response;
  };
  const { signal } = controller;
  expect(await rejection(unwrap(createClient({ baseUrl, fetch }).GET("/v1/me", { signal })))).toBe(reason);
});

/** Starts an HTTP server that stops with the test. */
async function listen(handler: RequestListener): Promise<{ baseUrl: string }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
