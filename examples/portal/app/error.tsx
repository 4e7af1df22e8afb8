"use client";

/** Shown for errors that no page expects. */
export default function ErrorPage({ error }: { error: Error & { digest?: string } }) {
  return (
    <div className="door">
      <main>
        <section className="failure" role="alert">
          <h1>Something went wrong</h1>
          <p>The page could not be shown.{error.digest ? ` Error id: ${error.digest}.` : ""}</p>
          <a className="button primary" href="">
            Try again
          </a>
        </section>
      </main>
    </div>
  );
}
