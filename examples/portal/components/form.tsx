"use client";

import { createContext, Fragment, useActionState, useContext, useEffect, useId, useRef, type ReactNode } from "react";
import { useFormStatus } from "react-dom";

import type { FormState } from "@/lib/form";
import { Conflicts } from "./conflicts";
import { CopyLink } from "./copy";

const State = createContext<FormState>({});

interface FormProps {
  action: (state: FormState, form: FormData) => Promise<FormState>;
  children: ReactNode;
  /** Hidden fields. */
  hidden?: Record<string, string | undefined>;
  className?: string;
  label?: string;
}

/** A form of a server action, which also works before or without JavaScript. */
export function Form({ action, children, hidden = {}, className = "stack", label }: FormProps) {
  const [state, send] = useActionState(action, {});
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    const find = (selector: string) => form.current?.querySelector<HTMLElement>(selector);
    (find("[aria-invalid=true]") ?? find(".message.error"))?.focus();
  }, [state]);
  const fields = { ...hidden, ...state.data };
  return (
    <State value={state}>
      <form ref={form} action={send} className={className} aria-label={label}>
        {Object.entries(fields).map(([name, value]) =>
          value === undefined ? null : <input key={name} type="hidden" name={name} value={value} />,
        )}
        <div aria-live="assertive">
          {state.error ? (
            <p className="message error" tabIndex={-1}>
              {state.error}
            </p>
          ) : null}
        </div>
        <div aria-live="polite">
          {state.notice ? <p className="message">{state.notice}</p> : null}
          {state.link ? <CopyLink link={state.link} /> : null}
        </div>
        {state.conflicts ? <Conflicts conflicts={state.conflicts} /> : null}
        {/* React resets a form to the first values of its fields; a new key gives them those that were entered. */}
        <Fragment key={state.stamp ?? 0}>{children}</Fragment>
      </form>
    </State>
  );
}

interface FieldProps {
  name: string;
  label: string;
  type?: "text" | "email" | "password" | "search" | "number" | "date";
  value?: string;
  hint?: ReactNode;
  rows?: number;
  options?: [value: string, label: string][];
  /** Undefined says "optional" in the label, false does not. */
  required?: boolean;
  autoComplete?: string;
  maxLength?: number;
  /** The fields of the API whose errors belong here; default: the name. */
  errors?: string[];
  spellCheck?: boolean;
  pattern?: string;
}

/** A labelled field with its hint and error. */
export function Field({ name, label, type = "text", value, hint, rows, options, errors, ...attributes }: FieldProps) {
  const state = useContext(State);
  const id = useId();
  const error = (errors ?? [name]).map((field) => state.fields?.[field]).find((words) => words !== undefined);
  const described = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].join(" ").trim();
  const shared = {
    id,
    name,
    defaultValue: state.values?.[name] ?? value ?? "",
    "aria-invalid": error ? true : undefined,
    "aria-describedby": described || undefined,
    ...attributes,
  };
  return (
    <div className="field">
      <label htmlFor={id}>
        {label}
        {attributes.required === undefined ? <span className="optional"> optional</span> : null}
      </label>
      {hint ? (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      ) : null}
      {options ? (
        <select {...shared}>
          {options.map(([option, text]) => (
            <option key={option} value={option}>
              {text}
            </option>
          ))}
        </select>
      ) : rows ? (
        <textarea {...shared} rows={rows} />
      ) : (
        <input {...shared} type={type} />
      )}
      {error ? (
        <p className="field-error" id={`${id}-error`}>
          {error}
        </p>
      ) : null}
    </div>
  );
}

/** A checkbox that sends "on". */
export function Check({ name, label, checked }: { name: string; label: string; checked?: boolean }) {
  const state = useContext(State);
  const on = state.values ? state.values[name] === "on" : checked;
  return (
    <label className="check">
      <input type="checkbox" name={name} defaultChecked={on} /> {label}
    </label>
  );
}

interface SubmitProps {
  children: ReactNode;
  kind?: "primary" | "danger" | "plain";
  label?: string;
}

/** The button that sends its form. While it is being sent, the button says so and does nothing. */
export function Submit({ children, kind = "primary", label }: SubmitProps) {
  const { pending } = useFormStatus();
  return (
    <button
      className={`button ${kind}`}
      aria-disabled={pending}
      aria-busy={pending}
      aria-label={label}
      onClick={(event) => {
        if (pending) event.preventDefault();
      }}
    >
      {children}
    </button>
  );
}

/** Returns what was entered when the form was sent, or the given values. */
export function useValues(given: Record<string, string>): Record<string, string> {
  return useContext(State).values ?? given;
}
