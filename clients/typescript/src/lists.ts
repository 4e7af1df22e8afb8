import { unwrap, type Data, type Result } from "./client.js";

/** A page of a list. The last page has no cursor. */
export interface Page<T> {
  items: T[];
  next_cursor?: string;
}

/** The query parameters that select a page; empty for the first one. */
export interface PageQuery {
  cursor?: string;
}

/**
 * Iterates over the pages of a list, and requests each one when it is needed. `call` requests one page; it adds the
 * given query parameters to its own.
 *
 * @throws what `unwrap` throws, and an Error if the server repeats a cursor, since the list would not end
 */
export async function* pages<R extends Result<Page<unknown>>>(
  call: (page: PageQuery) => Promise<R>,
): AsyncGenerator<Data<R>, void, undefined> {
  const seen = new Set<string>();
  let query: PageQuery = {};
  for (;;) {
    const { data } = await unwrap(call(query));
    yield data;
    const cursor = (data as Page<unknown>).next_cursor;
    if (!cursor) {
      return;
    }
    if (seen.has(cursor)) {
      throw new Error("konstruct: the server repeated a cursor, so the list may be incomplete");
    }
    seen.add(cursor);
    query = { cursor };
  }
}

/** Iterates over the items of all pages, as {@link pages} does. */
export async function* items<R extends Result<Page<unknown>>>(
  call: (page: PageQuery) => Promise<R>,
): AsyncGenerator<Item<Data<R>>, void, undefined> {
  for await (const page of pages(call)) {
    yield* (page as Page<Item<Data<R>>>).items;
  }
}

type Item<P> = P extends Page<infer T> ? T : never;
