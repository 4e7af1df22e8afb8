import { redirect } from "next/navigation";

export default async function TenantPage({ params }: { params: Promise<{ tenant: string }> }): Promise<never> {
  redirect(`/t/${(await params).tenant}/agents`);
}
