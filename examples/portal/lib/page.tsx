import "server-only";

import { isNetworkError, isProblem, type Client } from "@konstruct/client";
import { notFound, redirect, unstable_rethrow } from "next/navigation";
import type { ReactNode } from "react";

import { Refusal, Unavailable } from "@/components/failure";
import { api } from "./session";

type Query = Partial<Record<string, string>>;

export interface Props {
  params: Promise<Record<string, string>>;
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export interface PageContext {
  client: Client;
  params: Record<string, string>;
  query: Query;
}

/** Returns a page that needs a session. What the API refuses is shown in words, within the page's frame. */
export function page(render: (context: PageContext) => Promise<ReactNode>) {
  return async function Page(props: Props): Promise<ReactNode> {
    const params = await props.params;
    const query = await queryOf(props.searchParams);
    return guarded(async () => render({ client: await api(), params, query }));
  };
}

/**
 * Renders, and shows errors of the API in a frame. Everything must be fetched in `render` itself, not in its
 * components.
 */
export async function guarded(
  render: () => Promise<ReactNode>,
  frame: (failure: ReactNode) => ReactNode = (failure) => failure,
): Promise<ReactNode> {
  try {
    return await render();
  } catch (error) {
    unstable_rethrow(error); // redirects and the like
    if (isProblem(error, "unauthenticated")) {
      redirect("/signed-out");
    }
    if (isProblem(error, "not_found")) {
      notFound();
    }
    if (isNetworkError(error) || (isProblem(error) && error.status >= 502)) {
      return frame(<Unavailable />);
    }
    if (isProblem(error) && error.status < 500) {
      return frame(<Refusal error={error} />);
    }
    throw error;
  }
}

/** Returns the parameters of a URL: the first one of each name, without those that a form sent empty. */
export async function queryOf(params: Props["searchParams"]): Promise<Query> {
  const first = Object.entries(await params).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]);
  return Object.fromEntries(first.filter(([, value]) => value)) as Query;
}

/** The frame of failures outside of other frames. */
export function alone(failure: ReactNode): ReactNode {
  return (
    <div className="door">
      <main>{failure}</main>
    </div>
  );
}

/** Returns the value if it is one of those that a page knows. */
export function oneOf<T extends string>(known: readonly T[], value: string | undefined): T | undefined {
  return known.find((one) => one === value);
}
