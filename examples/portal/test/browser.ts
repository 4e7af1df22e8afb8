import { mkdirSync } from "node:fs";

import axe, { type AxeResults } from "axe-core";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { expect } from "vitest";

import { password, type System } from "./system";

const pictures = "test-results";

/** Flags without which Chromium looks for hosts outside of this machine. */
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launch(): Promise<Browser> {
  mkdirSync(pictures, { recursive: true });
  return chromium.launch({ executablePath: process.env["CHROMIUM"] || "/usr/bin/chromium", args });
}

/** Opens a new browser profile. A page's error fails the test that opened it. */
export async function open(browser: Browser, system: System, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ baseURL: system.url, viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => expect.soft(String(error), page.url()).toBe(""));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !text.startsWith("Failed to load resource"))
      expect.soft(text, page.url()).toBe("");
  });
  return page;
}

export async function logIn(page: Page, email: string, secret = password): Promise<void> {
  await page.goto("/login");
  await submitLogin(page, email, secret);
  await page.waitForURL((url) => url.pathname !== "/login");
}

export async function submitLogin(page: Page, email: string, secret: string): Promise<void> {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(secret);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** Waits for a text on the page. */
export async function sees(page: Page, text: string | RegExp): Promise<void> {
  await page.getByText(text).first().waitFor();
}

/** Returns what the form with a label sends. */
export async function fieldsOf(page: Page, label: string): Promise<Record<string, string>> {
  const fields = page.locator(`form[aria-label=${label}] [name]`);
  return Object.fromEntries(
    await fields.evaluateAll((all) => all.map((one) => [one.getAttribute("name"), (one as HTMLInputElement).value])),
  ) as Record<string, string>;
}

/** Takes pictures of a page on a phone and a desktop, light and dark, and lets axe look at it. */
export async function look(page: Page, name: string): Promise<void> {
  const size = page.viewportSize();
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [device, width, height] of [
      ["phone", 390, 844],
      ["desktop", 1280, 800],
    ] as const) {
      await page.setViewportSize({ width, height });
      await page.screenshot({ path: `${pictures}/${name}-${device}-${colorScheme}.png`, fullPage: true });
      if ((device === "phone") === (colorScheme === "light")) {
        expect.soft(await serious(page), `${name} on a ${device}, ${colorScheme}`).toEqual([]);
      }
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect.soft(wider, `${name} is not wider than a ${device}`).toBeLessThanOrEqual(0);
    }
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  if (size) await page.setViewportSize(size);
}

/** Returns what axe calls serious or critical. */
async function serious(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`));
}
