import type { ReactNode } from "react";

export default function DoorLayout({ children }: { children: ReactNode }) {
  return (
    <div className="door">
      <a className="brand" href="/">
        Konstruct
      </a>
      <main>{children}</main>
    </div>
  );
}
