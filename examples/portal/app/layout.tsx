import type { Metadata } from "next";
import { connection } from "next/server";
import type { ReactNode } from "react";

import "./tokens.css";
import "./portal.css";

export const metadata: Metadata = {
  title: { template: "%s · Konstruct", default: "Konstruct" },
  robots: { index: false },
};

export default async function Layout({ children }: { children: ReactNode }) {
  await connection(); // each page has the nonce of its request
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
