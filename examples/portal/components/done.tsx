"use client";

import { useEffect } from "react";

/**
 * The words of a change that was made by the form that led here, as the page's address says. They leave the address, so
 * that they are gone with the next change or a reload.
 */
export function Done({ of, words }: { of: string | undefined; words: Record<string, string> }) {
  const sentence = of !== undefined && Object.hasOwn(words, of) ? words[of] : undefined;
  useEffect(() => {
    if (sentence) {
      // Next.js listens to this after the first effects.
      setTimeout(() => window.history.replaceState(null, "", window.location.pathname));
    }
  }, [sentence]);
  return sentence ? (
    <p className="message" role="status">
      {sentence}
    </p>
  ) : null;
}
