// What a client of the API writes against the generated types. It is compiled, never run.
import type { components, operations } from "./api.js";

type Agent = components["schemas"]["Agent"];
type Problem = components["schemas"]["Problem"];

export const created: Agent = {
  id: "018f6d0e-0000-7000-8000-0000000000aa",
  tenant_id: "018f6d0e-0000-7000-8000-0000000000ab",
  name: "Mara",
  role: "",
  persona: "",
  system_prompt: "",
  model_preference: "quality",
  tool_assignments: [{ name: "search", config: { limit: 5 }, further: true }],
  escalation_rules: [{ when: "keywords", keywords: ["refund"] }],
  is_active: true,
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
};

// An update needs If-Match.
export const header: operations["update-agent"]["parameters"]["header"] = { "If-Match": '"2ok5gyv0i0w"' };
// @ts-expect-error it can't be left out
export const missing: operations["update-agent"]["parameters"]["header"] = {};

// Codes are a closed set: a switch over them is checked.
export function isRetryable(problem: Problem): boolean {
  switch (problem.code) {
    case "unavailable":
    case "overloaded":
      return problem.retry_after !== undefined;
    // @ts-expect-error no such code
    case "try_again":
      return true;
    default:
      return false;
  }
}

// A login needs no more than two fields, and ignores what it does not know.
type Login = operations["login"]["requestBody"]["content"]["application/json"];
export const login: Login = { email: "ada@example.com", password: "correct horse", csrfToken: "4f1d" };

// A new tenant needs no status.
export const tenant: operations["create-tenant"]["requestBody"]["content"]["application/json"] = { name: "Acme", slug: "acme" };
