import { unwrap, type Schemas } from "@konstruct/client";
import type { Metadata } from "next";

import { Field, Submit } from "@/components/form";
import { Link } from "@/components/link";
import { Head, Pager, Row, Rows } from "@/components/parts";
import { page } from "@/lib/page";
import { actions, filterOf, objects } from "./filter";

export const metadata: Metadata = { title: "Audit log" };

export default page(async ({ client, params: { tenant: id = "" }, query }) => {
  const path = { tenant_id: id };
  const { actor, action, object, from, to, cursor } = query;
  const [events, members] = await Promise.all([
    unwrap(
      client.GET("/v1/tenants/{tenant_id}/audit-events", {
        params: { path, query: { limit: 30, ...filterOf(query), ...(cursor ? { cursor } : {}) } },
      }),
    ),
    unwrap(client.GET("/v1/tenants/{tenant_id}/members", { params: { path, query: { limit: 200 } } })),
  ]);
  const kept = Object.entries({ actor, action, object, from, to }).filter(
    (entry): entry is [string, string] => !!entry[1],
  );
  return (
    <>
      <Head
        title="Audit log"
        action={
          <a className="button" href={`/t/${id}/audit/export?${new URLSearchParams(kept)}`} download>
            Download
          </a>
        }
      >
        What was done in this tenant, by whom. Times are in UTC.
      </Head>
      <form className="inline filters" role="search">
        <Field
          name="actor"
          label="Person"
          value={actor}
          required={false}
          options={[
            ["", "All"],
            ...members.data.items.map(({ user }): [string, string] => [user.id, user.name || user.email]),
          ]}
        />
        <Field
          name="action"
          label="Action"
          value={action}
          required={false}
          options={[["", "All"], ...actions.map(option)]}
        />
        <Field
          name="object"
          label="Object"
          value={object}
          required={false}
          options={[["", "All"], ...objects.map(option)]}
        />
        <Field name="from" label="From" type="date" value={from} required={false} />
        <Field name="to" label="To" type="date" value={to} required={false} />
        <Submit kind="plain">Filter</Submit>
      </form>
      <Rows label="Events" empty="No events.">
        {events.data.items.map((event) => (
          <EventRow key={event.id} event={event} tenant={id} />
        ))}
      </Rows>
      <Pager
        path={`/t/${id}/audit`}
        query={{ actor, action, object, from, to, cursor }}
        next={events.data.next_cursor}
      />
    </>
  );
});

function option(word: string): [string, string] {
  return [word, spaced(word)];
}

function spaced(word: string): string {
  return word.replaceAll(/[-_]/g, " ");
}

const pages: Partial<Record<string, string>> = { agent: "agents", channel_connection: "connections" };

function EventRow({ event, tenant }: { event: Schemas["AuditEvent"]; tenant: string }) {
  const { actor, object } = event;
  const who = actor ? actor.name || actor.email || "A deleted user" : "The operator";
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
      {object.id ? (
        folder && !event.action.startsWith("delete") ? (
          <span>
            <Link href={`/t/${tenant}/${folder}/${object.id}`}>{spaced(object.type)}</Link>
          </span>
        ) : (
          <span>
            {spaced(object.type)} <span className="mono">{object.id}</span>
          </span>
        )
      ) : null}
      {details.map(([name, value]) => (
        <span key={name}>
          {spaced(name)}: {Array.isArray(value) ? value.join(", ") : String(value)}
        </span>
      ))}
      {event.address ? <span>from {event.address}</span> : null}
    </Row>
  );
}
