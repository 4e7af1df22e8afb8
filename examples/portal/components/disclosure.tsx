"use client";

import { useEffect, useRef, type ReactNode } from "react";

interface DisclosureProps {
  label: string;
  children: ReactNode;
  kind?: "primary" | "danger-quiet" | "plain";
}

/**
 * A button that opens what is to be confirmed or filled in. It needs no JavaScript; with it, Escape and a click outside
 * close it.
 */
export function Disclosure({ label, children, kind = "plain" }: DisclosureProps) {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event) => {
      const { current } = details;
      const outside = event instanceof MouseEvent && !current?.contains(event.target as Node);
      const escape =
        event instanceof KeyboardEvent && event.key === "Escape" && current?.contains(document.activeElement);
      if (current?.open && (outside || escape)) {
        current.open = false;
        if (escape) {
          current.querySelector("summary")?.focus();
        }
      }
    };
    document.addEventListener("click", close);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("click", close);
      document.removeEventListener("keydown", close);
    };
  }, []);
  return (
    <details className="disclosure" ref={details}>
      <summary className={`button ${kind}`}>{label}</summary>
      <div className="panel">{children}</div>
    </details>
  );
}
