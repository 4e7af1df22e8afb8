"use client";

import { useRouter } from "next/navigation";
import { useEffect } from "react";

const every = 2000; // ms

/** Fetches the page again while something on it goes on. Without JavaScript there is the link. */
export function Reload() {
  const router = useRouter();
  useEffect(() => {
    const timer = setInterval(() => router.refresh(), every);
    return () => clearInterval(timer);
  }, [router]);
  return (
    <p className="muted">
      This page updates itself. <a href="">Update now</a>
    </p>
  );
}
