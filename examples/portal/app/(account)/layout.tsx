import type { ReactNode } from "react";

import { Shell } from "@/components/shell";
import { alone, guarded } from "@/lib/page";
import { me } from "@/lib/session";

export default function AccountLayout({ children }: { children: ReactNode }) {
  return guarded(async () => <Shell me={await me()}>{children}</Shell>, alone);
}
