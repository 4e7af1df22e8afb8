import { Field } from "./form";

export function CurrentPassword({ name = "current_password", label = "Current password" }) {
  return <Field name={name} label={label} type="password" autoComplete="current-password" required />;
}

export function NewPassword({ name = "password", label = "Password" }) {
  return (
    <Field name={name} label={`${label}, at least 8 characters`} type="password" autoComplete="new-password" required />
  );
}
