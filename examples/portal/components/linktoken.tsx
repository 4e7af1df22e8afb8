"use client";

import { useEffect, useState } from "react";

import { Field } from "./form";

/**
 * Moves the token of a link from the URL's fragment, which browsers send to no server, and removes it from the address
 * bar and the history.
 */
export function useLinkToken(): { token: string; read: boolean } {
  const [state, setState] = useState({ token: "", read: false });
  useEffect(() => {
    const token = new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "";
    if (token) {
      // Next.js must learn of the new URL, or it would put the old one back. It listens after the first effects.
      setTimeout(() => window.history.replaceState(null, "", window.location.pathname));
    }
    // In StrictMode the effect runs twice, and the second time the fragment is gone.
    setState((before) => ({ token: token || before.token, read: true }));
  }, []);
  return state;
}

/** The hidden field of the token, or a field to paste the link into. */
export function LinkToken() {
  const { token, read } = useLinkToken();
  if (token) {
    return <input type="hidden" name="token" value={token} />;
  }
  return read ? (
    <PastedLink />
  ) : (
    <noscript>
      <PastedLink />
    </noscript>
  );
}

export function PastedLink() {
  return (
    <Field
      name="token"
      label="The link that you were sent"
      required
      autoComplete="off"
      spellCheck={false}
      hint="Paste the whole link."
    />
  );
}
