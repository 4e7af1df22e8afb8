import { unwrap, type Client } from "@konstruct/client";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll } from "vitest";

import { launch } from "./browser";
import { System } from "./system";

export interface Bundle {
  system: System;
  browser: Browser;
  admin: Client;
  /** The ids of the demo tenants. */
  acme: string;
  globex: string;
}

/** Starts a system and a browser for the tests of a file, with an owner, an editor and a viewer in one tenant. */
export function setup(name: string): Bundle {
  const bundle = { system: new System(name) } as Bundle;
  beforeAll(async () => {
    const { system } = bundle;
    await system.start();
    bundle.browser = await launch();
    bundle.admin = await system.client(system.admin.email, system.admin.password);
    const { data } = await unwrap(bundle.admin.GET("/v1/tenants"));
    const idOf = (slug: string) => data.items.find((tenant) => tenant.slug === slug)?.id ?? "";
    bundle.acme = idOf("acme");
    bundle.globex = idOf("globex");
    await system.join(bundle.acme, "owner", "olga@example.com", "Olga Owner");
    await system.join(bundle.acme, "editor", "edgar@example.com", "Edgar Editor");
    await system.join(bundle.acme, "viewer", "vera@example.com", "Vera Viewer");
    await system.join(bundle.globex, "owner", "gina@example.com", "Gina Globex");
  });
  afterAll(async () => {
    await bundle.browser?.close();
    await bundle.system.stop();
  });
  return bundle;
}
