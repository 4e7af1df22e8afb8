"use server";

import { CredentialsSignin } from "next-auth";

import { signIn } from "@/auth";

export async function logIn(_: string, form: FormData): Promise<string> {
  try {
    await signIn("credentials", { email: form.get("email"), password: form.get("password"), redirectTo: "/" });
    return "";
  } catch (error) {
    if (!(error instanceof CredentialsSignin)) {
      throw error; // the redirect after a login
    }
    const [code, seconds] = error.code.split(".");
    if (code === "too_many_attempts") {
      return `Too many attempts. Try again in ${seconds} seconds.`;
    }
    return code === "invalid_credentials"
      ? "The e-mail address or the password is wrong."
      : "The server does not answer.";
  }
}
