import type { Schemas } from "@konstruct/client";

import { jsonObject, notJson, text, type Conflict } from "./form";

/** What people edit of an agent. */
export type AgentFields = Pick<
  Schemas["Agent"],
  "name" | "role" | "persona" | "system_prompt" | "model_preference" | "tool_assignments" | "escalation_rules"
>;

type Key = keyof AgentFields;

const labels: Record<Key, string> = {
  name: "Name",
  role: "Role",
  persona: "Persona",
  system_prompt: "System prompt",
  model_preference: "Model",
  tool_assignments: "Tools",
  escalation_rules: "Escalation rules",
};

const keys = Object.keys(labels) as Key[];

export function fieldsOf(agent: AgentFields): AgentFields {
  const { name, role, persona, system_prompt, model_preference, tool_assignments, escalation_rules } = agent;
  return { name, role, persona, system_prompt, model_preference, tool_assignments, escalation_rules };
}

/** Returns the values of the form's fields. Their names are the paths of the API's fields. */
export function valuesOf(agent: AgentFields): Record<string, string> {
  const values: Record<string, string> = {};
  for (const key of ["name", "role", "persona", "system_prompt", "model_preference"] as const) {
    values[key] = agent[key];
  }
  agent.tool_assignments.forEach(({ name, config, ...rest }, i) => {
    const row = `tool_assignments[${i}]`;
    values[`${row}.name`] = name;
    values[`${row}.config`] = config ? JSON.stringify(config, null, 2) : "";
    values[`${row}.rest`] = JSON.stringify(rest);
  });
  agent.escalation_rules.forEach(({ when, keywords, count, notify, message, ...rest }, i) => {
    const row = `escalation_rules[${i}]`;
    values[`${row}.when`] = when;
    values[`${row}.keywords`] = (keywords ?? []).join(", ");
    values[`${row}.count`] = count === undefined ? "" : String(count);
    values[`${row}.notify`] = notify ?? "";
    values[`${row}.message`] = message ?? "";
    values[`${row}.rest`] = JSON.stringify(rest);
  });
  return values;
}

/** Returns how many rows of a list the values have. */
export function rowsIn(values: Record<string, string>, list: string): number {
  const names = Object.keys(values).filter((name) => name.startsWith(`${list}[`));
  return Math.max(0, ...names.map((name) => parseInt(name.slice(list.length + 1)) + 1));
}

/** Reads the form, and returns sentences about fields that are not JSON. Rows without a name or a condition are left out. */
export function agentOf(form: FormData): { agent: AgentFields; faults: Record<string, string> } {
  const faults: Record<string, string> = {};
  const json = (name: string): Record<string, unknown> | undefined => {
    const value = text(form, name).trim();
    if (value === "") {
      return undefined;
    }
    const parsed = jsonObject(value);
    if (parsed === undefined) {
      faults[name] = notJson;
    }
    return parsed;
  };
  const rows = (list: string, first: string) =>
    [...form.keys()]
      .filter((name) => name.startsWith(`${list}[`) && name.endsWith(`].${first}`) && text(form, name).trim())
      .map((name) => name.slice(0, -first.length - 1));
  const agent = {
    name: text(form, "name"),
    role: text(form, "role"),
    persona: text(form, "persona"),
    system_prompt: text(form, "system_prompt"),
    model_preference: text(form, "model_preference"),
    tool_assignments: rows("tool_assignments", "name").map((row) => {
      const config = json(`${row}.config`);
      return { ...json(`${row}.rest`), name: text(form, `${row}.name`).trim(), ...(config ? { config } : {}) };
    }),
    escalation_rules: rows("escalation_rules", "when").map((row) => ({ ...json(`${row}.rest`), ...ruleOf(form, row) })),
  };
  return { agent, faults };
}

function ruleOf(form: FormData, row: string): Schemas["EscalationRule"] {
  const keywords = text(form, `${row}.keywords`)
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
  const count = text(form, `${row}.count`);
  const notify = text(form, `${row}.notify`);
  const message = text(form, `${row}.message`);
  return {
    when: text(form, `${row}.when`) as Schemas["EscalationRule"]["when"],
    ...(keywords.length > 0 ? { keywords } : {}),
    ...(count ? { count: Number(count) } : {}),
    ...(notify ? { notify } : {}),
    ...(message ? { message } : {}),
  };
}

/** Returns the fields of `yours` that differ from `base`. */
export function changes(base: AgentFields, yours: AgentFields): Partial<AgentFields> {
  return Object.fromEntries(keys.filter((key) => !same(base[key], yours[key])).map((key) => [key, yours[key]]));
}

/** Returns the fields that differ between what is saved now and a form based on an earlier version. */
export function conflictsOf(base: AgentFields, saved: AgentFields, yours: AgentFields): Conflict[] {
  return keys
    .filter((key) => !same(base[key], saved[key]) && !same(saved[key], yours[key]))
    .map((key) => ({
      label: labels[key],
      saved: shownAs(saved[key]),
      yours: same(base[key], yours[key]) ? "You did not change this, so what is saved now stays." : shownAs(yours[key]),
    }));
}

function shownAs(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

/** Returns JSON with sorted properties. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
