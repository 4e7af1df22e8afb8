import type { Schemas } from "@konstruct/client";
import type { ReactNode } from "react";

import type { LogWords } from "@/lib/audit";
import { Field, Submit } from "./form";
import { Link } from "./link";
import { Head, Pager, Row, Rows } from "./parts";

interface AuditLogProps {
  title: string;
  /** Its page. The export is below it. */
  path: string;
  query: Partial<Record<string, string>>;
  words: LogWords;
  people: { id: string; name: string; email: string }[];
  events: Schemas["ListAuditEvent"];
  /** Where the pages of objects are, by their kind. */
  pages: Partial<Record<string, string>>;
  children: ReactNode;
}

/** An audit log with its filter, which `filterOf` translates for the API. */
export function AuditLog({ title, path, query, words, people, events, pages, children }: AuditLogProps) {
  const { actor, action, object, from, to, cursor } = query;
  const filter = Object.entries({ actor, action, object, from, to }).filter(
    (entry): entry is [string, string] => !!entry[1],
  );
  const persons = people.map(({ id, name, email }): [string, string] => [id, name || email]);
  if (actor && !people.some(({ id }) => id === actor)) {
    persons.push([actor, actor]);
  }
  return (
    <>
      <Head
        title={title}
        action={
          <a className="button" href={`${path}/export?${new URLSearchParams(filter)}`} download>
            Download
          </a>
        }
      >
        {children} Times are in UTC.
      </Head>
      <form className="inline filters" role="search">
        <Field name="actor" label="Person" value={actor} required={false} options={[["", "All"], ...persons]} />
        <Choice name="action" label="Action" value={action} words={words.actions} />
        <Choice name="object" label="Object" value={object} words={words.objects} />
        <Field name="from" label="From" type="date" value={from} required={false} />
        <Field name="to" label="To" type="date" value={to} required={false} />
        <Submit kind="plain">Filter</Submit>
      </form>
      <Rows label="Events" empty="No events.">
        {events.items.map((event) => (
          <EventRow key={event.id} event={event} pages={pages} />
        ))}
      </Rows>
      <Pager path={path} query={{ ...Object.fromEntries(filter), cursor }} next={events.next_cursor} />
    </>
  );
}

function Choice({ words, ...field }: { name: string; label: string; value: string | undefined; words: string[] }) {
  const options = words.map((word): [string, string] => [word, spaced(word)]);
  return <Field {...field} required={false} options={[["", "All"], ...options]} />;
}

function spaced(word: string): string {
  return word.replaceAll(/[-_]/g, " ");
}

function EventRow({ event, pages }: { event: Schemas["AuditEvent"]; pages: AuditLogProps["pages"] }) {
  const { actor, object } = event;
  const who = actor ? actor.name || actor.email || "An erased user" : event.request_id ? "Unknown" : "The operator";
  const details = Object.entries(event.details).filter(([, value]) => value !== null);
  const folder = pages[object.type];
  return (
    <Row
      title={
        <>
          {who}: {spaced(event.action)}
        </>
      }
    >
      <span>{event.created_at.slice(0, 19).replace("T", " ")}</span>
      {object.type ? (
        folder && !/^(delete|erase)-|-erased$/.test(event.action) ? (
          <span>
            <Link href={`${folder}/${object.id}`}>{spaced(object.type)}</Link>
          </span>
        ) : (
          <span>
            {spaced(object.type)} <span className="mono">{object.id}</span>
          </span>
        )
      ) : null}
      {details.map(([name, value]) => (
        <span key={name}>
          {spaced(name)}: {shown(value)}
        </span>
      ))}
      {event.address ? <span>from {event.address}</span> : null}
    </Row>
  );
}

function shown(value: unknown): string {
  if (Array.isArray(value)) {
    return value.join(", ");
  }
  if (typeof value === "object" && value !== null) {
    return Object.entries(value)
      .map(([name, part]) => `${spaced(name)} ${String(part)}`)
      .join(", ");
  }
  return String(value);
}
