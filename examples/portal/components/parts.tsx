import type { ReactNode } from "react";

import { Link } from "./link";

/** The head of a page: its title, a sentence about it, and its main action. */
export function Head({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <header className="head">
      <div>
        <h1>{title}</h1>
        {children ? <p className="muted">{children}</p> : null}
      </div>
      {action ? <div className="actions">{action}</div> : null}
    </header>
  );
}

export function Section({ title, children, note }: { title: string; children: ReactNode; note?: ReactNode }) {
  return (
    <section className="section">
      <h2>{title}</h2>
      {note ? <p className="muted">{note}</p> : null}
      {children}
    </section>
  );
}

/** A list of things: a title, what else there is to know, and what can be done. */
export function Rows({ label, children, empty }: { label: string; children: ReactNode[]; empty: ReactNode }) {
  if (children.length === 0) {
    return <p className="empty">{empty}</p>;
  }
  return (
    <ul className="rows" aria-label={label}>
      {children}
    </ul>
  );
}

interface RowProps {
  title: ReactNode;
  badges?: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
}

export function Row({ title, badges, children, actions }: RowProps) {
  return (
    <li className="row">
      <div className="row-main">
        <div className="row-title">
          {title}
          {badges}
        </div>
        {children ? <div className="row-more">{children}</div> : null}
      </div>
      {actions ? <div className="actions">{actions}</div> : null}
    </li>
  );
}

export function Badge({ children, tone = "plain" }: { children: ReactNode; tone?: "plain" | "good" | "warn" | "bad" }) {
  return <span className={`badge ${tone}`}>{children}</span>;
}

/** The links of a list to its first and its next page. */
export function Pager({ path, query, next }: { path: string; query: Partial<Record<string, string>>; next?: string }) {
  const to = (cursor?: string) => {
    const entries = Object.entries({ ...query, cursor }).filter((entry): entry is [string, string] => !!entry[1]);
    return `${path}?${new URLSearchParams(entries)}`;
  };
  if (!next && !query["cursor"]) {
    return null;
  }
  return (
    <nav className="pager" aria-label="Pages">
      {query["cursor"] ? (
        <Link className="button" href={to()}>
          First page
        </Link>
      ) : (
        <span />
      )}
      {next ? (
        <Link className="button" href={to(next)}>
          Next page
        </Link>
      ) : (
        <span className="muted">This is the last page.</span>
      )}
    </nav>
  );
}

/** A time, in words if it is near: the server does not know the browser's time zone. */
export function Time({ at, from = Date.now() }: { at: string; from?: number }) {
  const exact = new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/:\d\d\.\d+Z/, " UTC");
  return (
    <time dateTime={at} title={exact}>
      {relative(Date.parse(at) - from) ?? exact}
    </time>
  );
}

function relative(ms: number): string | undefined {
  const minutes = Math.round(Math.abs(ms) / 60_000);
  if (minutes < 1) {
    return ms > 0 ? "in a moment" : "just now";
  }
  if (minutes >= 14 * 24 * 60) {
    return undefined;
  }
  const [count, unit] =
    minutes < 60
      ? [minutes, "minute"]
      : minutes < 48 * 60
        ? [Math.round(minutes / 60), "hour"]
        : [Math.round(minutes / 1440), "day"];
  const words = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return ms > 0 ? `in ${words}` : `${words} ago`;
}
