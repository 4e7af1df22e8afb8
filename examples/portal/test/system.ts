import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import type { Server } from "node:https";
import { createServer, type AddressInfo } from "node:net";
import { createInterface } from "node:readline";

import { createClient, unwrap, type Client } from "@konstruct/client";

import { startProxy } from "./tls";

/** The password of everybody that the tests invite. */
export const password = "correct horse battery";

/** `konstruct dev` with its own data, and the portal in front of it. */
export class System {
  private backend: ChildProcess | undefined;
  private readonly portals: ChildProcess[] = [];
  private proxy: Server | undefined;
  private ports: Record<"api" | "portal", number> = { api: 0, portal: 0 };
  admin = { email: "", password: "" };

  constructor(private readonly name: string) {}

  get api(): string {
    return `http://127.0.0.1:${this.ports.api}`;
  }

  get url(): string {
    return `http://127.0.0.1:${this.ports.portal}`;
  }

  async start(): Promise<void> {
    const [api = 0, portal = 0] = await freePorts(2);
    this.ports = { api, portal };
    await this.startBackend();
    await this.startPortal(portal, this.url);
  }

  /** Starts a second portal, behind a proxy that ends TLS and adds an address as its client's. Returns the proxy's URL. */
  async startBehindTLS(address: string): Promise<string> {
    const [port = 0] = await freePorts(1);
    const { server, url } = await startProxy(port, address);
    this.proxy = server;
    await this.startPortal(port, url, { KONSTRUCT_PORTAL_TRUST_PROXY: "true" });
    return url;
  }

  private async startPortal(port: number, url: string, settings: Record<string, string> = {}): Promise<void> {
    const portal = spawn(process.execPath, ["server.mjs"], {
      env: {
        ...process.env,
        NODE_ENV: "production",
        PORT: String(port),
        KONSTRUCT_API_URL: this.api,
        KONSTRUCT_PORTAL_URL: url,
        AUTH_URL: url,
        AUTH_SECRET: "a secret of the portal's tests only",
        ...settings,
      },
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.portals.push(portal);
    await until("the portal answers", async () => (await fetch(`http://127.0.0.1:${port}/login`)).ok);
  }

  async startBackend(): Promise<void> {
    const data = `${required("KONSTRUCT_TEST_DATA")}/${this.name}`;
    this.backend = spawn(required("KONSTRUCT_TEST_BINARY"), ["dev", "--data", data], {
      env: {
        ...process.env,
        KONSTRUCT_LISTEN_ADDR: `127.0.0.1:${this.ports.api}`,
        KONSTRUCT_METRICS_ADDR: "off",
        KONSTRUCT_TRUSTED_PROXIES: "127.0.0.1",
        KONSTRUCT_PORTAL_URL: this.url,
      },
      stdio: ["ignore", "pipe", openSync(`${data}.log`, "a")], // .ci/portal shows the log of a failure
    });
    const lines = createInterface({ input: this.backend.stdout ?? process.stdin });
    lines.on("line", (line) => {
      const [, email, secret] = /^ {2}log in +(\S+) +(\S+)$/.exec(line) ?? [];
      if (email && secret) this.admin = { email, password: secret };
    });
    await until("the API answers", async () => this.admin.email !== "" && (await fetch(`${this.api}/readyz`)).ok);
  }

  async stopBackend(): Promise<void> {
    await end(this.backend, "SIGINT");
  }

  async stop(): Promise<void> {
    this.proxy?.close().closeAllConnections();
    for (const portal of this.portals) await end(portal, "SIGTERM");
    await this.stopBackend();
  }

  async client(email: string, secret = password): Promise<Client> {
    const { data } = await unwrap(
      createClient({ baseUrl: this.api }).POST("/v1/auth/login", { body: { email, password: secret } }),
    );
    return createClient({ baseUrl: this.api, token: data.session.token });
  }

  /** Returns the newest link that was mailed to an address, in a mail that contains a text. */
  async mailedLink(to: string, page: string, about = ""): Promise<string> {
    return until(`a link to ${page} is mailed to ${to}`, async () => {
      const response = await fetch(`${this.api}/dev/mail`, { headers: { Accept: "application/json" } });
      const { messages } = (await response.json()) as { messages: { to: string; text: string }[] };
      const links = messages
        .filter((message) => message.to.includes(to) && message.text.includes(about))
        .map(({ text }) => /https?:\S+#token=\S+/.exec(text)?.[0]);
      return links.find((link) => link?.includes(`/${page}#`));
    });
  }

  /** Makes a member of a tenant. */
  async join(tenant: string, role: "owner" | "editor" | "viewer", email: string, name: string): Promise<void> {
    const admin = await this.client(this.admin.email, this.admin.password);
    const path = { tenant_id: tenant };
    await unwrap(admin.POST("/v1/tenants/{tenant_id}/invitations", { params: { path }, body: { email, role } }));
    const token = (await this.mailedLink(email, "invitation")).replace(/.*#token=/, "");
    await unwrap(
      createClient({ baseUrl: this.api }).POST("/v1/invitations/accept", { body: { token, name, password } }),
    );
  }
}

/** Waits until a check returns something, and returns it. A check that throws is repeated. */
export async function until<T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const result = await check().catch(() => undefined);
    if (result !== undefined && result !== false) {
      return result;
    }
    if (Date.now() > deadline) {
      throw new Error(`timed out: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child && child.exitCode === null && child.signalCode === null) {
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }
}

/** Returns free ports. They are held until all are found, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set; run bash .ci/portal`);
  }
  return value;
}
