import { isProblem, unwrap } from "@konstruct/client";
import { redirect } from "next/navigation";

import { api } from "@/lib/session";
import { words } from "@/lib/words";
import { filterOf } from "../filter";

/** Passes the export of the API on, line by line. */
export async function GET(request: Request, { params }: { params: Promise<{ tenant: string }> }): Promise<Response> {
  const path = { tenant_id: (await params).tenant };
  const query = filterOf(Object.fromEntries(new URL(request.url).searchParams));
  const client = await api();
  try {
    const { response } = await unwrap(
      client.GET("/v1/tenants/{tenant_id}/audit-events/export", {
        params: { path, query },
        parseAs: "stream",
        signal: request.signal,
      }),
    );
    return new Response(response.body, {
      headers: {
        "Content-Type": "application/x-ndjson",
        "Content-Disposition": 'attachment; filename="audit-events.ndjson"',
        "Cache-Control": "no-store",
      },
    });
  } catch (error) {
    if (isProblem(error, "unauthenticated")) {
      redirect("/signed-out");
    }
    return new Response(words(error), { status: isProblem(error) ? error.status : 502 });
  }
}
