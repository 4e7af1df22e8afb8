import { expect, test } from "vitest";

import { createClient, fieldErrors, ifMatch, isProblem, items, pages, unwrap } from "../src/index.js";
import type { Client, Unwrapped, Schemas } from "../src/index.js";
import { rejection } from "./fake.js";

// Tests against a running server, with a platform admin's login. The tenant that it creates stays.
const baseUrl = variable("KONSTRUCT_TEST_URL");
const email = variable("KONSTRUCT_TEST_EMAIL");
const password = variable("KONSTRUCT_TEST_PASSWORD");
const missing = "018f6d0e-0000-7000-8000-0000000000aa";

function variable(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: it needs a running server (see the task test:client)`);
  }
  return value;
}

interface Bundle {
  api: Client;
  tenant: Unwrapped<Schemas["Tenant"]>;
  path: { tenant_id: string };
}

/** Logs in and creates a tenant. */
async function setup(): Promise<Bundle> {
  const body = { email, password };
  const login = await unwrap(createClient({ baseUrl }).POST("/v1/auth/login", { body }));
  const api = createClient({ baseUrl, token: () => Promise.resolve(login.data.session.token) });
  const slug = `client-${crypto.randomUUID()}`;
  const tenant = await unwrap(api.POST("/v1/tenants", { body: { name: slug, slug } }));
  return { api, tenant, path: { tenant_id: tenant.data.id } };
}

test("a login works, and is a problem with a wrong password", async () => {
  const { api } = await setup();
  expect((await unwrap(api.GET("/v1/me"))).data.user.email).toBe(email);
  const body = { email, password: `${password}x` };
  const error = await rejection(unwrap(createClient({ baseUrl }).POST("/v1/auth/login", { body })));
  expect(error).toMatchObject({ status: 401, code: "invalid_credentials" });
});

test("a created tenant has an ETag and a location", async () => {
  const { api, tenant, path } = await setup();
  expect(tenant.response.status).toBe(201);
  expect(tenant.location).toContain(tenant.data.id);
  const got = await unwrap(api.GET("/v1/tenants/{tenant_id}", { params: { path } }));
  expect(got).toMatchObject({ data: tenant.data, etag: tenant.etag });
  const header = { "If-None-Match": tenant.etag ?? "" };
  const error = await rejection(unwrap(api.GET("/v1/tenants/{tenant_id}", { params: { path, header } })));
  expect(error).toMatchObject({ status: 304 });
});

test("lists go on after pages of one", async () => {
  const { api, path } = await setup();
  const names = ["Ada", "Grace", "Mara"];
  for (const name of names) {
    await unwrap(api.POST("/v1/tenants/{tenant_id}/agents", { params: { path }, body: { name } }));
  }
  const list = pages((page) =>
    api.GET("/v1/tenants/{tenant_id}/agents", { params: { path, query: { limit: 1, ...page } } }),
  );
  const read: string[][] = [];
  for await (const page of list) {
    read.push(page.items.map((agent) => agent.name));
  }
  expect(read.flat().sort()).toEqual(names);
  expect(read.filter((page) => page.length === 1)).toHaveLength(3);
});

test("an update takes the ETag of a response or an item, and refuses a stale one", async () => {
  const { api, path } = await setup();
  const created = await unwrap(api.POST("/v1/tenants/{tenant_id}/agents", { params: { path }, body: { name: "Ada" } }));
  const agent = { ...path, agent_id: created.data.id };
  const update = (version: Parameters<typeof ifMatch>[0], role: string): Promise<Unwrapped<Schemas["Agent"]>> =>
    unwrap(
      api.PATCH("/v1/tenants/{tenant_id}/agents/{agent_id}", {
        params: { path: agent, header: ifMatch(version) },
        body: { role },
      }),
    );

  const updated = await update(created, "one");
  expect(updated.etag).not.toBe(created.etag);
  expect(isProblem(await rejection(update(created, "two")), "precondition_failed")).toBe(true);

  const list = items((query) => api.GET("/v1/tenants/{tenant_id}/agents", { params: { path, query } }));
  for await (const item of list) {
    expect((await update(item, "three")).data.role).toBe("three");
  }
});

test("problems have a code, a request id and fields", async () => {
  const { api, tenant } = await setup();
  const path = { tenant_id: missing };
  const absent = await rejection(unwrap(api.GET("/v1/tenants/{tenant_id}", { params: { path } })));
  expect(absent).toMatchObject({ status: 404, code: "not_found", requestId: expect.any(String) as string });

  const invalid = await rejection(unwrap(api.POST("/v1/tenants", { body: { name: "", slug: "Not a slug" } })));
  if (!isProblem(invalid, "validation_failed")) {
    throw invalid;
  }
  expect(fieldErrors(invalid)).toMatchObject({ name: { field: "body.name" }, slug: { code: "pattern" } });

  const { name, slug } = tenant.data;
  const taken = await rejection(unwrap(api.POST("/v1/tenants", { body: { name, slug } })));
  expect(taken).toMatchObject({ status: 409, code: "already_taken" });
});

test("a wrong token is a problem", async () => {
  const error = await rejection(unwrap(createClient({ baseUrl, token: "wrong" }).GET("/v1/me")));
  expect(error).toMatchObject({ status: 401, code: "unauthenticated" });
});
