import "server-only";

import { idempotencyKey, isProblem, withRetry, type Client } from "@konstruct/client";
import { refresh } from "next/cache";
import { redirect, unstable_rethrow } from "next/navigation";

import { shown, text, type FormState } from "./form";
import { api, signedOut } from "./session";
import { fieldWords, words } from "./words";

/** A path to go to, or what the form shows. */
export type Answer = string | FormState;

/** Runs a change for a form. If the API refuses the session, the browser is logged out. */
export async function change(form: FormData, run: (client: Client) => Promise<Answer>): Promise<FormState> {
  return answer(form, async () => run(await api()));
}

/** Runs a change that needs no session. Problems become words beside the form's fields. */
export async function answer(form: FormData, run: () => Promise<Answer>): Promise<FormState> {
  let result: Answer;
  try {
    result = await run();
  } catch (error) {
    unstable_rethrow(error); // a redirect
    if (isProblem(error, "unauthenticated")) {
      return signedOut();
    }
    result = { error: words(error), fields: fieldWords(error), values: shown(form) };
    if (isProblem(error, "idempotency_key_reused")) {
      result.data = { key: idempotencyKey() };
    }
  }
  if (typeof result === "string") {
    redirect(result);
  }
  if (result.error === undefined) {
    refresh();
  }
  return { stamp: Date.now(), ...result };
}

/**
 * Runs a creating request with the form's Idempotency-Key, which was made when the form was rendered. So a double
 * submit has one result, and a request whose answer was lost can be retried.
 */
export function once<T>(form: FormData, run: (header: { "Idempotency-Key": string }) => Promise<T>): Promise<T> {
  const key = text(form, "key") || idempotencyKey();
  return withRetry((sent) => run({ "Idempotency-Key": sent }), { key, maxWait: 2 });
}
