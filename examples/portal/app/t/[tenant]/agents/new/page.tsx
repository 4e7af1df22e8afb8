import { idempotencyKey } from "@konstruct/client";
import type { Metadata } from "next";

import { Head } from "@/components/parts";
import { page } from "@/lib/page";
import { createAgent } from "../actions";
import { AgentForm } from "../agentform";

export const metadata: Metadata = { title: "New agent" };

export default page(async ({ params: { tenant } }) => (
  <>
    <Head title="New agent">Only the name is required. Everything can be changed later.</Head>
    <AgentForm action={createAgent} values={{}} hidden={{ tenant, key: idempotencyKey() }} submit="Create agent" />
  </>
));
