import { ifMatch, unwrap } from "@konstruct/client";
import { expect, test } from "vitest";

import { fieldsOf, logIn, look, open, sees } from "./browser";
import { setup } from "./setup";
import { password } from "./system";

const b = setup("tenant");

const agentOf = async (name: string) => {
  const path = { tenant_id: b.acme };
  const { data } = await unwrap(
    b.admin.GET("/v1/tenants/{tenant_id}/agents", { params: { path, query: { q: name } } }),
  );
  return data.items;
};

test("a new person is invited, hires an agent, enters Slack's secrets, and sees what was done", async () => {
  const owner = await open(b.browser, b.system);
  await logIn(owner, "olga@example.com");
  await owner.getByRole("link", { name: "People" }).click();
  await owner.getByLabel("E-mail address").fill("paul@example.com");
  await owner.getByLabel("Role", { exact: true }).selectOption("owner");
  await owner.getByRole("button", { name: "Invite" }).click();
  await sees(owner, "paul@example.com was invited by mail.");
  await look(owner, "people");

  const page = await open(b.browser, b.system);
  await page.goto(await b.system.mailedLink("paul@example.com", "invitation"));
  await sees(page, "Join Acme Robotics");
  await expect.poll(() => page.url()).toBe(`${b.system.url}/invitation`);
  await look(page, "invitation");
  await page.getByLabel("Your name").fill("Paul New");
  await page.getByLabel(/^Password/).fill(password);
  await page.getByRole("button", { name: "Create account and join" }).click();
  await page.waitForURL(/agents$/);

  await page.getByRole("link", { name: "New agent" }).click();
  await page.getByRole("heading", { name: "New agent" }).waitFor();
  await look(page, "agent-new");
  await page.getByLabel("Name", { exact: true }).fill("Mara");
  await page.getByLabel("System prompt").fill("Answer questions about orders.");
  await page.getByRole("button", { name: "Add a tool" }).click();
  await page.getByLabel("Tool", { exact: false }).first().fill("search");
  await page.getByLabel("Settings").first().fill("{no json");
  await page.getByRole("button", { name: "Create agent" }).click();
  await sees(page, /Enter a JSON object/);
  await page.getByLabel("Settings").first().fill('{"limit": 5}');
  await page.getByRole("button", { name: "Create agent" }).click();
  await sees(page, "Agent created.");
  await look(page, "agent");

  await page.getByRole("link", { name: "Connections" }).first().click();
  await page.getByText("Connect a workspace").click();
  await page.getByLabel("Workspace id").fill("T0PAUL0001");
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await sees(page, "Connection created. Now enter its secrets.");
  await sees(page, "pending");
  await page.getByLabel("Value").fill("xoxb-the-secret-of-paul");
  await page.getByRole("button", { name: "Store secret" }).click();
  await sees(page, "The secret bot_token is stored.");
  expect(await page.content()).not.toContain("xoxb-the-secret-of-paul");
  for (const wrong of ["[]", '{"channel_id": 9007199254740993}']) {
    await page.getByLabel("Settings").last().fill(wrong);
    await page.getByRole("button", { name: "Save settings" }).click();
    await sees(page, /Enter a JSON object/);
    expect(await page.getByLabel("Settings").last().inputValue()).toBe(wrong);
    await page.reload();
  }
  await page.getByLabel("Settings").last().fill('{"channel_ids": ["C0HALL0001"]}');
  await page.getByRole("button", { name: "Save settings" }).click();
  await sees(page, "Settings saved.");
  await look(page, "connection");

  await page.getByRole("link", { name: "Audit log" }).click();
  await sees(page, "Paul New: create agent");
  await sees(page, "Olga Owner: create invitation");
  await look(page, "audit");
  await page.getByLabel("Action").selectOption("create-agent");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/action=create-agent/);
  expect(await page.getByText("Olga Owner: create invitation").count()).toBe(0);
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download" }).click();
  const file = await (await download).createReadStream();
  const lines = (await file.toArray())
    .join("")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { action?: string });
  expect(lines[0]?.action).toBe("create-agent");
});

test("a person with an account logs in to accept, and others cannot", async () => {
  const path = { tenant_id: b.globex };
  await unwrap(
    b.admin.POST("/v1/tenants/{tenant_id}/invitations", {
      params: { path },
      body: { email: "vera@example.com", role: "viewer" },
    }),
  );
  const url = await b.system.mailedLink("vera@example.com", "invitation", "Globex Foods");
  const gina = await open(b.browser, b.system);
  await logIn(gina, "gina@example.com");
  await gina.goto(url);
  await sees(gina, /You are logged in as gina@example.com/);
  await look(gina, "invitation-wrong-account");

  const vera = await open(b.browser, b.system);
  await vera.goto(url);
  await vera.getByLabel("Password").fill(password);
  await vera.getByRole("button", { name: "Log in and join" }).click();
  await vera.waitForURL(/agents$/);
  await vera.goto("/");
  await sees(vera, "Choose a tenant");
  await look(vera, "tenants");
  await unwrap(
    b.admin.DELETE("/v1/tenants/{tenant_id}/members/{user_id}", {
      params: { path: { ...path, user_id: await idOf("vera@example.com") } },
    }),
  );
});

test("each role has its buttons, and refusals are words", async () => {
  const at = `/t/${b.acme}`;
  const vera = await open(b.browser, b.system);
  await logIn(vera, "vera@example.com");
  await sees(vera, /Your role is viewer/);
  expect(await vera.getByRole("link", { name: "New agent" }).count()).toBe(0);
  expect(await vera.getByRole("button", { name: /activate/i }).count()).toBe(0);
  await vera.getByRole("link", { name: "Ada" }).click();
  await vera.getByRole("heading", { name: "Ada" }).waitFor();
  await look(vera, "agent-viewer");
  expect(await vera.getByRole("button", { name: "Save" }).count()).toBe(0);
  await vera.goto(`${at}/audit`);
  await sees(vera, "Your role does not allow this.");
  await look(vera, "refusal");
  await vera.goto(`${at}/agents/new`);
  await vera.getByLabel("Name", { exact: true }).fill("Not hers");
  await vera.getByRole("button", { name: "Create agent" }).click();
  await sees(vera, "Your role does not allow this.");
  await vera.goto("/admin/tenants");
  await sees(vera, "Not found");
  for (const path of ["/admin/users", "/admin/audit"]) {
    await vera.goto(path);
    await sees(vera, "You cannot open this page");
  }
  expect((await vera.request.get("/admin/audit/export")).status()).toBe(403);
  const connection = await connect("T0ROLES001");
  await vera.goto(connection);
  await sees(vera, '"C0HALL0001"');
  expect(await vera.getByRole("button").allInnerTexts()).toEqual(["Log out"]);
  await look(vera, "connection-viewer");

  const edgar = await open(b.browser, b.system);
  await logIn(edgar, "edgar@example.com");
  await edgar.getByRole("button", { name: "Deactivate Rosie" }).click();
  await edgar.getByRole("button", { name: "Activate Rosie" }).waitFor();
  await edgar.goto(`${at}/connections`);
  expect(await edgar.getByText("Connect a workspace").count()).toBe(0);
  await edgar.goto(`${at}/people`);
  expect(await edgar.getByRole("button", { name: "Invite" }).count()).toBe(0);
  expect(await edgar.getByText("Leave", { exact: true }).count()).toBe(1);

  const olga = await open(b.browser, b.system);
  await logIn(olga, "olga@example.com");
  await olga.goto(connection);
  await olga.locator("summary", { hasText: "Delete" }).click();
  await olga.getByRole("button", { name: "Delete connection" }).click();
  await sees(olga, "Connection deleted.");
  await olga.goto(`${at}/people`);
  const row = olga.getByRole("listitem").filter({ hasText: "vera@example.com" });
  await row.locator("summary", { hasText: "viewer" }).click();
  await row.getByLabel("Role of Vera Viewer").selectOption("editor");
  await row.getByRole("button", { name: "Change role" }).click();
  await row.locator("summary", { hasText: "editor" }).waitFor();
  await vera.goto(`${at}/agents`);
  await vera.getByRole("link", { name: "New agent" }).waitFor(); // at once
});

test("the last owner stays", async () => {
  const gina = await open(b.browser, b.system);
  await logIn(gina, "gina@example.com");
  await gina.goto(`/t/${b.globex}/people`);
  const row = gina.getByRole("listitem").filter({ hasText: "gina@example.com" });
  await row.getByText("Leave", { exact: true }).click();
  await row.getByRole("button", { name: "Leave tenant" }).click();
  await sees(gina, "A tenant needs an owner. Make another member an owner first.");
});

test("two tenants in two browsers never see each other's agents", async () => {
  const [olga, gina] = [await open(b.browser, b.system), await open(b.browser, b.system)];
  await logIn(olga, "olga@example.com");
  await logIn(gina, "gina@example.com");
  await sees(olga, "Ada");
  await sees(gina, "Hank");
  expect(await olga.content()).not.toContain("Hank");
  expect(await gina.content()).not.toContain("Rosie");
  const [ada] = await agentOf("Ada");
  for (const path of [`/t/${b.acme}/agents`, `/t/${b.acme}/agents/${ada?.id}`, `/t/${b.globex}/agents/${ada?.id}`]) {
    await gina.goto(path);
    await sees(gina, "Not found");
    expect(await gina.content()).not.toContain("Support engineer");
  }
  await look(gina, "not-found");
  const unknown = await gina.request.get("/t/01a21bd3-67d8-7a0a-b801-000000000000/agents");
  const foreign = await gina.request.get(`/t/${b.acme}/agents`);
  expect([foreign.status(), unknown.status()]).toEqual([404, 404]);
});

test("an edit conflict shows both versions and lets one save again", async () => {
  const [one, two] = [await open(b.browser, b.system), await open(b.browser, b.system)];
  await logIn(one, "olga@example.com");
  await logIn(two, "edgar@example.com");
  const [rosie] = await agentOf("Rosie");
  const path = `/t/${b.acme}/agents/${rosie?.id}`;
  await one.goto(path);
  await two.goto(path);
  await one.getByLabel("Persona").fill("Brief.");
  await one.getByLabel("Role", { exact: false }).first().fill("Chief of the office");
  await one.getByRole("button", { name: "Save" }).click();
  await sees(one, "Agent saved.");
  await two.getByLabel("Persona").fill("Loud.");
  await two.getByLabel("System prompt").fill("Order the coffee.");
  await two.getByRole("button", { name: "Save" }).click();
  await sees(two, /Somebody else has saved this agent/);
  const differences = two.getByRole("region", { name: "Differences" });
  expect(await differences.innerText()).toMatch(/Chief of the office[^]*Brief\.[^]*Loud\./);
  await look(two, "agent-conflict");
  await two.getByRole("button", { name: "Save" }).click();
  await sees(two, "Agent saved.");
  const { data } = await unwrap(
    b.admin.GET("/v1/tenants/{tenant_id}/agents/{agent_id}", {
      params: { path: { tenant_id: b.acme, agent_id: rosie?.id ?? "" } },
    }),
  );
  expect(data).toMatchObject({ role: "Chief of the office", persona: "Loud.", system_prompt: "Order the coffee." });
});

test("a double submit has one result", async () => {
  const page = await open(b.browser, b.system, { javaScriptEnabled: false });
  await logIn(page, "edgar@example.com");
  await page.goto(`/t/${b.acme}/agents/new`);
  const multipart = { ...(await fieldsOf(page, "Agent")), name: "Twin" };
  const headers = { Origin: b.system.url };
  const send = () => page.request.post(`/t/${b.acme}/agents/new`, { multipart, headers });
  const answers = await Promise.all([send(), send()]);
  expect(new Set(answers.map((answer) => answer.url())).size).toBe(1); // both lead to the same agent
  expect(await agentOf("Twin")).toHaveLength(1);
});

test("duplicate, deactivate, delete", async () => {
  const page = await open(b.browser, b.system);
  await logIn(page, "edgar@example.com");
  await page.getByRole("link", { name: "Ada" }).click();
  await page.locator("summary", { hasText: "Duplicate" }).click();
  await page.getByLabel("Name of the copy").fill("Ada II");
  await page.getByRole("button", { name: "Duplicate" }).click();
  await sees(page, "This is the copy. It is inactive until you activate it.");
  await page.keyboard.press("Escape");
  await page.locator("summary", { hasText: "Delete" }).click();
  await page.getByRole("button", { name: "Delete agent" }).click();
  await sees(page, "Agent deleted.");
  expect(await agentOf("Ada II")).toHaveLength(0);
});

test("a suspended tenant ends its members' access at once, and is deleted with its progress shown", async () => {
  const { data: tenant, etag } = await unwrap(
    b.admin.POST("/v1/tenants", { body: { name: "Initech", slug: "initech" } }),
  );
  await b.system.join(tenant.id, "owner", "ines@example.com", "Ines");
  const [ines, admin] = [await open(b.browser, b.system), await open(b.browser, b.system)];
  await logIn(ines, "ines@example.com");
  await sees(ines, "No agents yet.");
  await logIn(admin, b.system.admin.email, b.system.admin.password);
  await look(admin, "admin-tenants");
  await admin.goto(`/admin/tenants/${tenant.id}`);
  await look(admin, "admin-tenant");
  await admin.getByRole("button", { name: "Suspend tenant" }).click();
  await admin.getByRole("button", { name: "Activate tenant" }).waitFor();
  await ines.reload();
  await sees(ines, "This tenant is suspended. A platform admin can activate it again.");
  await look(ines, "suspended");
  const stale = unwrap(
    b.admin.PATCH("/v1/tenants/{tenant_id}", {
      params: { path: { tenant_id: tenant.id }, header: ifMatch(etag ?? "") },
      body: { status: "active" },
    }),
  );
  await expect(stale).rejects.toMatchObject({ code: "precondition_failed" });
  await admin.locator("summary", { hasText: "Delete tenant" }).click();
  await admin.getByLabel(/^Type initech/).fill("initec");
  await admin.getByRole("button", { name: "Delete permanently" }).click();
  await sees(admin, "This is not the slug of the tenant.");
  await admin.getByLabel(/^Type initech/).fill("initech");
  await admin.getByRole("button", { name: "Delete permanently" }).click();
  await sees(admin, "Tenant deleted");
  await look(admin, "admin-purge");
  await ines.reload();
  await sees(ines, "Not found");
});

test("a platform admin makes, finds and erases a user", async () => {
  const admin = await open(b.browser, b.system);
  await logIn(admin, b.system.admin.email, b.system.admin.password);
  await admin.goto("/admin/users");
  await look(admin, "admin-users");
  await admin.getByText("New user").click();
  await admin.getByLabel("E-mail address").fill("erik@example.com");
  await admin.getByLabel("Name", { exact: true }).fill("Erik");
  await admin.getByLabel(/^Password/).fill(password);
  await admin.getByRole("button", { name: "Create user" }).click();
  await sees(admin, /User created/);
  await admin.locator("summary", { hasText: "Erase user" }).click();
  await admin.getByLabel(/^Type erik/).fill("erik@example.com");
  await admin.getByRole("button", { name: "Erase permanently" }).click();
  await sees(admin, "User erased.");
  await admin.getByLabel("Name or address").fill("erik");
  await admin.getByRole("button", { name: "Search" }).click();
  await sees(admin, "No user matches the search.");
  await admin.getByRole("link", { name: "Platform audit log" }).click();
  await sees(admin, /: erase user$/);
  await look(admin, "admin-audit");
  await admin.getByLabel("Action").selectOption("create-user");
  await admin.getByRole("button", { name: "Filter" }).click();
  await admin.waitForURL(/action=create-user/);
  await sees(admin, /: create user$/);
  expect(await admin.getByText(/: erase user$/).count()).toBe(0);
  const download = admin.waitForEvent("download");
  await admin.getByRole("link", { name: "Download" }).click();
  const stream = await (await download).createReadStream();
  expect((await stream.toArray()).join("")).toMatch(/^{[^\n]*"action":"create-user"/);
});

/** Connects a workspace of Acme's, and returns the path of its page. */
async function connect(workspace_id: string): Promise<string> {
  const { data } = await unwrap(
    b.admin.POST("/v1/tenants/{tenant_id}/channel-connections", {
      params: { path: { tenant_id: b.acme } },
      body: { channel_type: "slack", workspace_id, config: { channel_ids: ["C0HALL0001"] } },
    }),
  );
  return `/t/${b.acme}/connections/${data.id}`;
}

async function idOf(email: string): Promise<string> {
  const { data } = await unwrap(b.admin.GET("/v1/users", { params: { query: { q: email } } }));
  return data.items[0]?.id ?? "";
}
