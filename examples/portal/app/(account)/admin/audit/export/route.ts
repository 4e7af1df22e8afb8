import { download, filterOf } from "@/lib/audit";
import { api } from "@/lib/session";

export async function GET(request: Request): Promise<Response> {
  const query = filterOf(Object.fromEntries(new URL(request.url).searchParams));
  const client = await api();
  const { signal } = request;
  return download(client.GET("/v1/audit-events/export", { params: { query }, parseAs: "stream", signal }));
}
