import type { Problem } from "@konstruct/client";

import { words } from "@/lib/words";

/** The API does not answer. The link loads the same page again, also without JavaScript. */
export function Unavailable() {
  return (
    <section className="failure" role="alert">
      <h1>The server is not available</h1>
      <p>The portal runs, but the server behind it does not answer. Nothing was lost. Try again in a moment.</p>
      <a className="button primary" href="">
        Try again
      </a>
    </section>
  );
}

export function Refusal({ error }: { error: Problem }) {
  const title = error.status === 403 ? "You cannot open this page" : "This page cannot be shown";
  return (
    <section className="failure" role="alert">
      <h1>{title}</h1>
      <p>{words(error)}</p>
      <a className="button" href="/">
        Go to the start page
      </a>
    </section>
  );
}
