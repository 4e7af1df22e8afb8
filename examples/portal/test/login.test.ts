import { isProblem, unwrap } from "@konstruct/client";
import { expect, test } from "vitest";

import { fieldsOf, logIn, look, open, sees, submitLogin } from "./browser";
import { setup } from "./setup";
import { password, until } from "./system";

const b = setup("login");

test("a right and a wrong password", async () => {
  const page = await open(b.browser, b.system);
  await page.goto("/profile");
  expect(new URL(page.url()).pathname).toBe("/login");
  await look(page, "login");
  await submitLogin(page, "olga@example.com", "not the password");
  await sees(page, "The e-mail address or the password is wrong.");
  expect(await page.getByLabel("E-mail address").inputValue()).toBe("olga@example.com");
  expect(await page.getByLabel("Password").inputValue()).toBe("");
  await look(page, "login-wrong");
  await submitLogin(page, "olga@example.com", password);
  await page.waitForURL("/profile"); // where the person wanted to go
  await sees(page, "this device");
});

test("unknown and disabled users get the same words", async () => {
  await b.system.join(b.acme, "viewer", "dora@example.com", "Dora Disabled");
  const { data } = await unwrap(b.admin.GET("/v1/users", { params: { query: { q: "dora@" } } }));
  const page = await open(b.browser, b.system);
  await logIn(page, b.system.admin.email, b.system.admin.password);
  await page.goto(`/admin/users/${data.items[0]?.id}`);
  await look(page, "admin-user");
  await page.getByRole("button", { name: "Disable" }).click();
  await sees(page, "User disabled and logged out.");
  for (const email of ["dora@example.com", "unknown@example.com"]) {
    const other = await open(b.browser, b.system);
    await other.goto("/login");
    await submitLogin(other, email, password);
    await sees(other, "The e-mail address or the password is wrong.");
  }
});

test("too many attempts say how long to wait, and unlocking helps", async () => {
  const page = await open(b.browser, b.system);
  await page.goto("/login");
  const refused = page.getByText(/Too many attempts\. Try again in \d+ (second|minute)s?\./);
  const attempt = () => b.system.client("edgar@example.com", "wrong").catch((error: unknown) => error);
  for (let i = 0; i < 30 && !isProblem(await attempt(), "too_many_attempts"); i++);
  await submitLogin(page, "edgar@example.com", password);
  await refused.waitFor();
  await look(page, "login-too-many");
  const { data } = await unwrap(b.admin.GET("/v1/users", { params: { query: { q: "edgar@" } } }));
  await unwrap(b.admin.POST("/v1/users/{user_id}/unlock", { params: { path: { user_id: data.items[0]?.id ?? "" } } }));
  await submitLogin(page, "edgar@example.com", password);
  await page.waitForURL(/agents$/);
});

test("the token and other sites' paths stay out of the browser", async () => {
  const page = await open(b.browser, b.system);
  const bodies: string[] = [];
  page.on(
    "response",
    (response) =>
      void response.text().then(
        (body) => bodies.push(body),
        () => undefined,
      ),
  );
  await page.goto("/login?callbackUrl=https://evil.example/%2F..//evil.example");
  await submitLogin(page, "olga@example.com", password);
  await page.waitForURL(/agents$/);
  await page.goto("/profile");
  const session = await page.request.get("/api/auth/session");
  const { expires, ...rest } = (await session.json()) as { expires: string };
  expect(Object.keys(rest)).toEqual(["user"]);
  expect(Math.abs(Date.parse(expires) - Date.now() - 12 * 3_600_000)).toBeLessThan(60_000); // when the API ends it
  const storage = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie]));
  expect(storage).toBe('[{},{},""]');
  for (const text of [...bodies, await session.text(), await page.content()])
    expect(text).not.toMatch(/kst_|"apiToken"/);
  const cookies = await page.context().cookies();
  const device = cookies.find(({ name }) => name === "konstruct.device");
  const days = ((device?.expires ?? 0) - Date.now() / 1000) / 86_400;
  expect(days).toBeGreaterThan(179);
  expect(cookies.every((cookie) => cookie.httpOnly)).toBe(true);
  const policy = (await page.request.get("/login")).headers()["content-security-policy"];
  expect(policy).toContain("frame-ancestors 'none'");
  for (const path of ["//evil.example", "/\\evil.example", "https://evil.example"]) {
    await page.goto(`/login?callbackUrl=${encodeURIComponent(path)}`);
    expect(new URL(page.url()).origin).toBe(b.system.url);
  }
});

test("the address of the browser is that of its connection, whatever it claims", async () => {
  const claims = { "X-Forwarded-For": "203.0.113.7", Forwarded: "for=203.0.113.7", "X-Real-IP": "203.0.113.7" };
  const page = await open(b.browser, b.system, {
    extraHTTPHeaders: claims,
    userAgent: "Mozilla/5.0 (X11; Linux) Firefox/140.0",
  });
  await logIn(page, "gina@example.com");
  await page.goto("/profile");
  const own = page.getByRole("listitem").filter({ hasText: "this device" });
  expect(await own.innerText()).toMatch(/Firefox on Linux[^]*from 127\.0\.0\.1/);
});

test("behind a proxy that ends TLS, cookies are secure, and the proxy says what the browser's address is", async () => {
  const address = "203.0.113.9";
  const url = await b.system.startBehindTLS(address);
  const claims = { "X-Forwarded-For": "198.51.100.7", "X-Forwarded-Host": "evil.example" };
  const page = await open(b.browser, b.system, { baseURL: url, ignoreHTTPSErrors: true, extraHTTPHeaders: claims });
  await page.goto(`/t/${b.acme}/people`);
  await submitLogin(page, b.system.admin.email, b.system.admin.password);
  await page.waitForURL(`${url}/t/${b.acme}/people`);
  await sees(page, "Invite a person");
  const path = { tenant_id: b.acme };
  const { data } = await unwrap(
    b.admin.GET("/v1/tenants/{tenant_id}/audit-events", { params: { path, query: { action: "enter-tenant" } } }),
  );
  expect(data.items.map((event) => event.address)).toContain(address); // of the page to which the login led
  const cookies = await page.context().cookies();
  const names = ["__Host-konstruct.device", "__Host-konstruct.session", "__Secure-authjs.callback-url"];
  expect(cookies.map(({ name }) => name).sort()).toEqual(names);
  for (const cookie of cookies) expect(cookie).toMatchObject({ secure: true, httpOnly: true, sameSite: "Lax" });

  const response = await page.goto("/profile");
  expect(Object.keys(response?.headers() ?? {}).filter((name) => /^(x-client-|strict-transport)/.test(name))).toEqual([]);
  const own = page.getByRole("listitem").filter({ hasText: "this device" });
  expect(await own.innerText()).toContain(`from ${address}`);
  await page.getByRole("button", { name: "Save name" }).click();
  await sees(page, "Your name was saved.");
  const multipart = await fieldsOf(page, "Name");
  const post = (Origin: string) => page.request.post("/profile", { multipart, headers: { Origin } });
  expect([(await post(url)).status(), (await post("https://evil.example")).status()]).toEqual([200, 403]);

  await unwrap(b.admin.DELETE("/v1/me/sessions"));
  await page.reload();
  await sees(page, "Your session has ended. Log in again.");
  expect((await page.context().cookies()).map(({ name }) => name)).not.toContain("__Host-konstruct.session");
  expect(new URL(page.url()).origin).toBe(url);
});

test("a device that is logged out elsewhere comes back to the login", async () => {
  const [desk, phone] = [await open(b.browser, b.system), await open(b.browser, b.system)];
  await logIn(desk, "gina@example.com");
  await logIn(phone, "gina@example.com");
  await desk.goto("/profile");
  await look(desk, "profile");
  await desk.getByRole("button", { name: "Log out all other devices" }).click();
  await sees(desk, "All other devices are logged out.");
  await phone.reload();
  await sees(phone, "Your session has ended. Log in again.");
  expect(new URL(phone.url()).pathname).toBe("/login");
  await logIn(phone, "gina@example.com");
  await desk.reload();
  await phone.goto("/profile");
  await desk.getByRole("button", { name: "Log out Chrome on Linux" }).first().click();
  await sees(desk, "The device is logged out.");
  // In a form, too, and without the cookie.
  await desk.getByRole("textbox", { name: "Name" }).fill("Gina");
  await desk.context().clearCookies({ name: "konstruct.session" });
  await desk.getByRole("button", { name: "Save name" }).click();
  await desk.getByRole("heading", { name: "Log in" }).waitFor();
  await phone.getByRole("textbox", { name: "Name" }).fill("Gina");
  await phone.getByRole("button", { name: "Save name" }).click();
  await sees(phone, "Your session has ended. Log in again.");
});

test("a forgotten password, by mail", async () => {
  await b.system.join(b.acme, "viewer", "fred@example.com", "Fred");
  const page = await open(b.browser, b.system);
  await page.goto("/forgot");
  await look(page, "forgot");
  await page.getByLabel("E-mail address").fill("fred@example.com");
  await page.getByRole("button", { name: "Send a link" }).click();
  await sees(page, /a link for a new password is on its way/);
  const link = await b.system.mailedLink("fred@example.com", "reset");
  await page.goto(link);
  await expect.poll(() => page.url()).toBe(`${b.system.url}/reset`); // the token has left the address bar
  await look(page, "reset");
  await page.getByLabel(/^New password/).fill("another horse battery");
  await page.getByRole("button", { name: "Set password" }).click();
  await sees(page, "Your password was changed. Log in with it.");
  await logIn(page, "fred@example.com", "another horse battery");
  const again = await open(b.browser, b.system);
  await again.goto(link);
  await again.getByLabel(/^New password/).fill("a third horse battery");
  await again.getByRole("button", { name: "Set password" }).click();
  await sees(again, /This link is invalid, has expired or was already used/);
});

test("a new password and a new address", async () => {
  await b.system.join(b.acme, "viewer", "nina@example.com", "Nina");
  const page = await open(b.browser, b.system);
  await logIn(page, "nina@example.com");
  await page.goto("/profile");
  const form = page.getByRole("form", { name: "Password" });
  await form.getByLabel("Current password").fill("not it");
  await form.getByLabel(/^New password/).fill("short");
  await form.getByRole("button").click();
  await form.locator(".field-error").first().waitFor();
  expect(await form.locator("[aria-invalid=true]").count()).toBeGreaterThan(0);
  const address = page.getByRole("form", { name: "E-mail address" });
  await address.getByLabel("New address").fill("nina.new@example.com");
  await address.getByLabel("Current password").fill(password);
  await address.getByRole("button").click();
  await sees(page, /a link is on its way there/);
  await page.goto(await b.system.mailedLink("nina.new@example.com", "confirm"));
  await look(page, "confirm");
  await page.getByRole("button", { name: "Confirm" }).click();
  await sees(page, "Your e-mail address is confirmed.");
  await sees(page, "nina.new@example.com");
});

test("everything needed to log in and to hire works without JavaScript", async () => {
  const page = await open(b.browser, b.system, { javaScriptEnabled: false });
  await page.goto("/login");
  await submitLogin(page, "olga@example.com", "wrong");
  await sees(page, "The e-mail address or the password is wrong.");
  await submitLogin(page, "olga@example.com", password);
  await sees(page, "The AI employees of this tenant.");
  await page.getByRole("link", { name: "New agent" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Script-free");
  await page.getByRole("button", { name: "Create agent" }).click();
  await sees(page, "Agent created.");
  await page.getByRole("button", { name: "Log out" }).click();
  await sees(page, "You are logged out.");
});

test("the keyboard is enough", async () => {
  const page = await open(b.browser, b.system);
  await page.goto("/login");
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await press("Tab", "Tab");
  await page.keyboard.type("olga@example.com");
  await press("Tab");
  await page.keyboard.type(password);
  await press("Enter");
  await page.waitForURL(/agents$/);
  await press("Tab");
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the content");
  await press("Enter", "Tab", "Enter");
  await page.getByRole("heading", { name: "New agent" }).waitFor();
  await page.goto(`/t/${b.acme}/people`);
  const summary = page.getByRole("listitem").filter({ hasText: "vera@example.com" }).locator("summary").last();
  await summary.focus();
  await press("Enter");
  await page.getByText("Remove Vera Viewer from this tenant?").waitFor();
  await press("Tab", "Escape");
  await page.getByText("Remove Vera Viewer from this tenant?").waitFor({ state: "hidden" });
  expect(await summary.evaluate((element) => element === document.activeElement)).toBe(true);
});

test("a back end that stops and comes back", async () => {
  const page = await open(b.browser, b.system);
  await logIn(page, "olga@example.com");
  await b.system.stopBackend();
  await page.reload();
  await sees(page, "The server is not available");
  await look(page, "unavailable");
  const other = await open(b.browser, b.system);
  await other.goto("/login");
  await submitLogin(other, "olga@example.com", password);
  await sees(other, "The server is not available. Nothing was changed; try again in a moment.");
  await b.system.startBackend();
  await page.getByRole("link", { name: "Try again" }).click();
  await until("the page is back", () => page.getByText("The AI employees of this tenant.").isVisible());
});
