import { download, filterOf } from "@/lib/audit";
import { api } from "@/lib/session";

export async function GET(request: Request, { params }: { params: Promise<{ tenant: string }> }): Promise<Response> {
  const path = { tenant_id: (await params).tenant };
  const query = filterOf(Object.fromEntries(new URL(request.url).searchParams));
  const client = await api();
  return download(
    client.GET("/v1/tenants/{tenant_id}/audit-events/export", {
      params: { path, query },
      parseAs: "stream",
      signal: request.signal,
    }),
  );
}
