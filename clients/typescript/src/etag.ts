/**
 * Returns the header parameters of a request that fails with `precondition_failed` if the resource was modified since
 * `version`: an ETag, an item of a list, or a result of `unwrap`.
 *
 * @throws TypeError if there is no ETag
 */
export function ifMatch(version: string | { readonly etag?: string | undefined }): { "If-Match": string } {
  const etag = typeof version === "string" ? version : version.etag;
  if (!etag) {
    throw new TypeError("konstruct: the response has no ETag");
  }
  return { "If-Match": etag };
}
