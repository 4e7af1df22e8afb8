import type { Metadata } from "next";

export const metadata: Metadata = { title: "Not found" };

export default function NotFound() {
  return (
    <div className="door">
      <main className="failure">
        <h1>Not found</h1>
        <p>This page does not exist, or you have no access to it.</p>
        <a className="button" href="/">
          Go to the start page
        </a>
      </main>
    </div>
  );
}
