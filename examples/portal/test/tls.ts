import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";

/**
 * Starts a reverse proxy that ends TLS in front of a port, and returns it with its URL. It behaves like nginx with
 * `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for` and no other setting: it adds the address of its
 * clients, here the given one, and passes on what they claim in other headers.
 */
export async function startProxy(port: number, address: string): Promise<{ server: Server; url: string }> {
  const pem = execFileSync("openssl", [
    ..."req -x509 -days 1 -subj /CN=localhost -newkey ec -pkeyopt ec_paramgen_curve:prime256v1".split(" "),
    ..."-nodes -keyout - -out -".split(" "),
  ]);
  const server = createServer({ key: pem, cert: pem }, (incoming, response) => {
    const upstream = request({
      port,
      host: "127.0.0.1",
      method: incoming.method,
      path: incoming.url,
      headers: forwarded(incoming, `127.0.0.1:${port}`, address),
    });
    upstream.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    upstream.on("error", () => response.destroy());
    incoming.pipe(upstream);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { server, url: `https://localhost:${(server.address() as AddressInfo).port}` };
}

function forwarded({ headers }: IncomingMessage, host: string, address: string) {
  const claimed = headers["x-forwarded-for"];
  return { ...headers, host, "x-forwarded-for": claimed ? `${String(claimed)}, ${address}` : address };
}
