import { fieldErrors, isNetworkError, isProblem, type FieldProblem, type Problem } from "@konstruct/client";

/** What the API's codes mean to a person. The detail of a problem is for developers. */
const problems: Partial<Record<Problem["code"], string>> = {
  already_taken: "This is already in use. Choose another.",
  forbidden: "Your role does not allow this.",
  idempotency_key_reused: "This form was already sent with other content. Check the list, then send it again.",
  internal_error: "Something went wrong on the server.",
  invalid_credentials: "The e-mail address or the password is wrong.",
  invalid_link: "This link is invalid, has expired or was already used. Ask for a new one.",
  last_owner: "A tenant needs an owner. Make another member an owner first.",
  last_platform_admin: "The platform needs an admin. Make another user a platform admin first.",
  limit_reached: "A limit is reached. Delete something, or try again later.",
  login_required: "This address has an account. Log in with it to accept the invitation.",
  mail_not_configured: "This server sends no mail. Ask the operator to configure it.",
  not_found: "This does not exist any more, or you have no access to it.",
  outcome_unknown: "It is not known whether this was saved. Reload the page and check.",
  overloaded: "The server is busy. Try again in a moment.",
  precondition_failed: "Somebody else has changed this in the meantime. Reload the page, then try again.",
  request_in_progress: "This form is still being processed. Reload the page in a moment.",
  request_too_large: "This is too long to be saved.",
  tenant_purging: "The tenant is being deleted, so nothing in it can be changed.",
  tenant_suspended: "This tenant is suspended. A platform admin can activate it again.",
  unauthenticated: "Your session has ended. Log in again.",
  unavailable: "The server is not available. Nothing was changed; try again in a moment.",
  unproven_address: "Your e-mail address is not confirmed. Log out, and set a new password with a mailed link.",
  validation_failed: "Check the marked fields.",
  wrong_account: "The invitation is for a different e-mail address. Log out, then open the link again.",
};

const fields: Partial<Record<FieldProblem["code"], string>> = {
  character: "Contains a character that cannot be stored.",
  choice: "Choose one of the values.",
  disallowed: "This is not allowed here.",
  format: "This is not valid.",
  incorrect: "This is not your current password.",
  malformed: "This is not valid.",
  pattern: "This is not valid.",
  redacted: "This looks like a hidden value. Enter the value itself.",
  required: "Fill in this field.",
  reserved: "Only a platform admin can change this.",
  taken: "This is already in use. Choose another.",
  unknown: "This field is not known to the server.",
};

const unavailable = "The server cannot be reached. Try again in a moment.";

/** Returns a sentence about an error of the API. Rethrows what is no such error. */
export function words(error: unknown): string {
  if (isNetworkError(error)) {
    return unavailable;
  }
  if (!isProblem(error)) {
    throw error;
  }
  return wordsOf(error.code, error.retryAfter, error.requestId);
}

/** Returns a sentence about a code of the API, such as one that a login was refused with. */
export function wordsOf(code: string, retryAfter?: number, requestId?: string): string {
  if (code === "too_many_attempts") {
    return `Too many attempts. Try again in ${duration(retryAfter ?? 60)}.`;
  }
  const known = problems[code as Problem["code"]];
  if (known !== undefined && code !== "internal_error") {
    return known;
  }
  return (known ?? "The server did not accept this.") + (requestId ? ` Request id: ${requestId}.` : "");
}

/** Returns a sentence for each invalid field. */
export function fieldWords(error: unknown): Record<string, string> {
  if (!isProblem(error)) {
    return {};
  }
  return Object.fromEntries(Object.entries(fieldErrors(error)).map(([name, field]) => [name, fieldSentence(field)]));
}

function fieldSentence({ code, limit, message }: FieldProblem): string {
  switch (code) {
    case "too_long":
      return `Use at most ${limit} characters.`;
    case "too_short":
      return limit === 1 ? "Fill in this field." : `Use at least ${limit} characters.`;
    case "too_small":
      return `Use at least ${limit}.`;
    case "too_large":
      return `Use at most ${limit}.`;
    case "too_many":
      return `There can be at most ${limit}.`;
    default:
      return fields[code] ?? message;
  }
}

/** Returns a time to wait in words: "40 seconds", "15 minutes". */
export function duration(seconds: number): string {
  const [count, unit] = seconds < 90 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
