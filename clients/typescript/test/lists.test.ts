import { expect, expectTypeOf, test } from "vitest";

import { items, pages, unwrap, withRetry, type Schemas } from "../src/index.js";
import { json, problem, rejection, setup } from "./fake.js";

const item = (name: string): object => ({ id: name, name, etag: `"${name}"` });
const page = (names: string[], next_cursor?: string): Response =>
  json(200, { items: names.map(item), ...(next_cursor === undefined ? {} : { next_cursor }) });

test("items follows the cursors", async () => {
  const { api, requests } = setup([page(["a", "b"], "c1"), page([], "c2"), page(["c"])]);
  const names: string[] = [];
  const list = items((query) => api.GET("/v1/tenants", { params: { query: { limit: 2, ...query } } }));
  for await (const tenant of list) {
    expectTypeOf(tenant).toEqualTypeOf<Schemas["TenantSummary"]>();
    names.push(tenant.name);
  }
  expect(names).toEqual(["a", "b", "c"]);
  const queries = requests.map(({ url }) => new URL(url).search);
  expect(queries).toEqual(["?limit=2", "?limit=2&cursor=c1", "?limit=2&cursor=c2"]);
});

test("pages requests a page when it is needed", async () => {
  const { api, requests } = setup([page(["a"], "c1"), page(["b"], "c2")]);
  for await (const { items, next_cursor } of pages((query) => api.GET("/v1/tenants", { params: { query } }))) {
    expectTypeOf(items).toEqualTypeOf<Schemas["TenantSummary"][]>();
    if (next_cursor === "c2") {
      break;
    }
  }
  expect(requests).toHaveLength(2);
});

test.each([
  ["at once", ["c1", "c1"]],
  ["later", ["c1", "c2", "c1"]],
])("a cursor that repeats %s ends the list with an error", async (_, cursors) => {
  const { api, requests } = setup(cursors.map((cursor) => page([cursor], cursor)));
  const seen: number[] = [];
  const read = async (): Promise<void> => {
    for await (const { items } of pages((query) => api.GET("/v1/tenants", { params: { query } }))) {
      seen.push(items.length);
    }
  };
  expect(String(await rejection(read()))).toContain("repeated a cursor");
  expect(requests).toHaveLength(cursors.length);
  expect(seen).toHaveLength(cursors.length); // the pages until then were returned
});

test("a problem ends the list", async () => {
  const { api } = setup([page(["a"], "c1"), problem(422, "validation_failed")]);
  const list = items((query) => api.GET("/v1/tenants", { params: { query } }));
  expect((await list.next()).value).toMatchObject({ name: "a" });
  expect(await rejection(list.next())).toMatchObject({ code: "validation_failed" });
});

test("a page can be retried", async () => {
  const { api, requests } = setup([problem(503, "unavailable", { retry_after: 0 }), page(["a"])]);
  const list = items((query) => withRetry(() => unwrap(api.GET("/v1/tenants", { params: { query } }))));
  for await (const tenant of list) {
    expectTypeOf(tenant).toEqualTypeOf<Schemas["TenantSummary"]>();
    expect(tenant.name).toBe("a");
  }
  expect(requests).toHaveLength(2);
});
