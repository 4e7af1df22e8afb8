/** What a form shows after it was sent. It goes to the browser, so it has no secrets but a link made for its reader. */
export interface FormState {
  /** Distinguishes two answers with the same content. */
  stamp?: number;
  error?: string;
  /** Sentences about fields, by name. */
  fields?: Record<string, string>;
  /** What was entered, except in password fields. */
  values?: Record<string, string>;
  notice?: string;
  /** A link for the reader to pass on. */
  link?: string;
  /** Fields of which somebody else has saved another value. */
  conflicts?: Conflict[];
  /** What the page needs beyond this. */
  data?: Record<string, string>;
}

export interface Conflict {
  label: string;
  saved: string;
  yours: string;
}

/** Returns a field of a form as text. */
export function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value.replaceAll("\r\n", "\n") : "";
}

/** Returns what a form may show again. */
export function shown(form: FormData): Record<string, string> {
  const secret = /password|token|secret|^key$|^\$/i;
  const names = [...new Set(form.keys())].filter((name) => !secret.test(name));
  return Object.fromEntries(names.map((name) => [name, text(form, name)]));
}

/** Returns what a form shows if the portal itself finds fault with fields. */
export function refused(form: FormData, fields: Record<string, string>): FormState {
  return { stamp: Date.now(), error: "Check the marked fields.", fields, values: shown(form) };
}

export const notJson = 'Enter a JSON object, such as {"limit": 5}. Numbers of more than 15 digits need quotes.';

/** Parses a JSON object, or returns undefined for anything else, and for integers that JavaScript would round. */
export function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text, (_, part: unknown) => {
      if (Number.isInteger(part) && !Number.isSafeInteger(part)) throw new RangeError("not exact");
      return part;
    });
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the token of a link, of which the whole may have been pasted. */
export function linkToken(form: FormData): string {
  return text(form, "token")
    .trim()
    .replace(/^.*#token=/, "");
}
