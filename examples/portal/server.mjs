// The portal's server. It tells the API the browser's address: that of the connection, or behind a reverse proxy the
// last one in X-Forwarded-For, which the proxy has added. All other forwarding headers are removed, because proxies pass
// on those of browsers.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import next from "next";

const dev = process.argv.includes("--dev");
process.env.NEXT_TELEMETRY_DISABLED ??= "1";
readEnvironment();
const port = Number(process.env.PORT || 3000);
const hostname = process.env.HOST || "127.0.0.1";
const url = new URL(process.env.AUTH_URL);
const behindProxy = process.env.KONSTRUCT_PORTAL_TRUST_PROXY === "true";

// No browser can send a header whose name it does not know, so without this server the API gets no address at all.
const clientHeader = `x-client-${randomUUID()}`;
process.env.KONSTRUCT_PORTAL_CLIENT_HEADER = clientHeader;

const app = next({ dev, hostname, port, dir: fileURLToPath(new URL(".", import.meta.url)) });
await app.prepare();
const handle = app.getRequestHandler();

const server = createServer((request, response) => {
  const { headers, socket } = request;
  const forwarded = String(headers["x-forwarded-for"] ?? "")
    .split(",")
    .at(-1)
    ?.trim();
  for (const name of Object.keys(headers)) if (/^(forwarded|x-forwarded-.*|x-real-ip)$/.test(name)) delete headers[name];
  // Next.js compares it with the Origin of forms. Proxies often send their own Host, and the browser's X-Forwarded-Host.
  if (behindProxy || url.protocol === "https:") headers["x-forwarded-host"] = url.host;
  const address = (behindProxy && forwarded) || socket.remoteAddress || "";
  // After a form, Next.js requests the next page from this server itself, with the headers of the browser's request.
  headers[clientHeader] ??= address.replace(/^::ffff:/, "");
  void handle(request, response);
});
server.listen(port, hostname, () => console.log(`Portal: ${url.origin}`));
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}

/** Takes the portal's settings from the environment or the repository's .env, and nothing else from that file. */
function readEnvironment() {
  const file = readOptional(new URL("../../.env", import.meta.url));
  for (const name of [
    "AUTH_SECRET",
    "AUTH_URL",
    "KONSTRUCT_PORTAL_URL",
    "KONSTRUCT_PORTAL_TRUST_PROXY",
    "KONSTRUCT_API_URL",
    "KONSTRUCT_LISTEN_ADDR",
  ]) {
    const value = process.env[name] || new RegExp(`^${name}=(['"]?)(.*)\\1$`, "m").exec(file)?.[2];
    if (value) process.env[name] = value;
  }
  const { env } = process;
  env.KONSTRUCT_API_URL ??= `http://${env.KONSTRUCT_LISTEN_ADDR ?? "127.0.0.1:8080"}`;
  env.AUTH_URL ??= env.KONSTRUCT_PORTAL_URL ?? `http://127.0.0.1:${env.PORT || 3000}`;
  if (!env.AUTH_SECRET) {
    console.warn("AUTH_SECRET is not set: sessions end when the portal stops. To set it: openssl rand -base64 33");
    env.AUTH_SECRET = randomUUID() + randomUUID();
  }
}

function readOptional(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return "";
    throw error;
  }
}
