"use client";

import { useId, useState } from "react";

/** A link to pass on, with a button that copies it. Links of a portal whose URL the API does not know are completed. */
export function CopyLink({ link }: { link: string }) {
  const id = useId();
  const [copied, setCopied] = useState(false);
  const whole = link.startsWith("/") && typeof window !== "undefined" ? window.location.origin + link : link;
  return (
    <div className="copy">
      <label htmlFor={id}>Link to pass on. It works once and is shown only here.</label>
      <div className="copy-line">
        <input id={id} readOnly value={whole} suppressHydrationWarning onFocus={(event) => event.target.select()} />
        <button
          type="button"
          className="button"
          onClick={() => {
            // Without HTTPS there is no clipboard; the field can be copied from by hand.
            void navigator.clipboard?.writeText(whole).then(
              () => setCopied(true),
              () => setCopied(false),
            );
          }}
        >
          Copy
        </button>
      </div>
      <span role="status">{copied ? "Copied." : ""}</span>
    </div>
  );
}
