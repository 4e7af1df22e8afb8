/**
 * Typed client of the Konstruct API.
 *
 * {@link createClient} has a method per HTTP method, typed by the API's OpenAPI document. {@link unwrap} returns a
 * response's data or throws a {@link Problem}.
 */
import type { components } from "./schema.js";

export { createClient, unwrap } from "./client.js";
export type { Client, ClientOptions, Data, Result, Unwrapped } from "./client.js";
export { ifMatch } from "./etag.js";
export { items, pages, type Page, type PageQuery } from "./lists.js";
export { fieldErrors, isNetworkError, isProblem, NetworkError, Problem } from "./problem.js";
export type { FieldProblem, ProblemCode } from "./problem.js";
export { idempotencyKey, withRetry, type RetryOptions } from "./retry.js";
export type { components, operations, paths } from "./schema.js";

/** The types of the API's objects by name, such as `Schemas["Agent"]`. */
export type Schemas = components["schemas"];
