"use client";

import { useState, type ReactNode } from "react";

import { Field, Form, Submit, useValues } from "@/components/form";
import { rowsIn } from "@/lib/agent";
import type { FormState } from "@/lib/form";

interface AgentFormProps {
  action: (state: FormState, form: FormData) => Promise<FormState>;
  values: Record<string, string>;
  hidden: Record<string, string | undefined>;
  submit: string;
}

/** The form of a new or an existing agent. */
export function AgentForm({ action, values, hidden, submit }: AgentFormProps) {
  return (
    <Form action={action} hidden={hidden} label="Agent">
      <Fields values={values} />
      <Submit>{submit}</Submit>
    </Form>
  );
}

function Fields({ values: given }: { values: Record<string, string> }) {
  const values = useValues(given);
  return (
    <>
      <div className="columns">
        <Field name="name" label="Name" value={given["name"]} required maxLength={200} />
        <Field name="role" label="Role" value={given["role"]} maxLength={200} />
      </div>
      <Field name="persona" label="Persona" rows={3} value={given["persona"]} hint="The tone and style of the agent." />
      <Field
        name="system_prompt"
        label="System prompt"
        rows={8}
        value={given["system_prompt"]}
        hint="What the agent is told before each conversation."
      />
      <Field
        name="model_preference"
        label="Model"
        value={given["model_preference"]}
        maxLength={100}
        hint="The name of a model, or of a list of models such as quality."
      />
      <List name="tool_assignments" label="Tools" add="Add a tool" values={values} row={Tool} />
      <List name="escalation_rules" label="Escalation rules" add="Add a rule" values={values} row={Rule} />
    </>
  );
}

interface RowProps {
  row: string;
  values: Record<string, string>;
}

/** Existing rows, and empty ones, which are not saved unless they are filled in. */
function List({
  name,
  label,
  add,
  values,
  row: Item,
}: {
  name: string;
  label: string;
  add: string;
  values: Record<string, string>;
  row: (props: RowProps) => ReactNode;
}) {
  const [more, setMore] = useState(0);
  const count = rowsIn(values, name) + more;
  return (
    <fieldset>
      <legend>{label}</legend>
      {Array.from({ length: count }, (_, i) => (
        <Item key={i} row={`${name}[${i}]`} values={values} />
      ))}
      <noscript>
        <Item row={`${name}[${count}]`} values={values} />
      </noscript>
      <button type="button" className="button" onClick={() => setMore(more + 1)}>
        {add}
      </button>
    </fieldset>
  );
}

function Tool({ row, values }: RowProps) {
  return (
    <div className="columns">
      <input type="hidden" name={`${row}.rest`} value={values[`${row}.rest`] ?? ""} />
      <Field
        name={`${row}.name`}
        label="Tool"
        value={values[`${row}.name`]}
        maxLength={200}
        hint="Without a name, the tool is removed."
      />
      <Field name={`${row}.config`} label="Settings" rows={4} value={values[`${row}.config`]} hint="A JSON object." />
    </div>
  );
}

const conditions: [string, string][] = [
  ["", "None: remove"],
  ["asks_for_person", "Somebody asks for a person"],
  ["keywords", "A keyword is used"],
  ["failed_turns", "Several turns failed"],
  ["over_budget", "The budget is used up"],
];

function Rule({ row, values }: RowProps) {
  const value = (name: string) => values[`${row}.${name}`];
  return (
    <div className="columns">
      <input type="hidden" name={`${row}.rest`} value={value("rest") ?? ""} />
      <Field name={`${row}.when`} label="Condition" options={conditions} value={value("when")} required={false} />
      <Field name={`${row}.keywords`} label="Keywords, separated by commas" value={value("keywords")} />
      <Field name={`${row}.count`} label="Number of failed turns" type="number" value={value("count")} />
      <Field name={`${row}.notify`} label="Person or group to notify" value={value("notify")} maxLength={200} />
      <Field name={`${row}.message`} label="Message to the customer" value={value("message")} maxLength={2000} />
    </div>
  );
}
