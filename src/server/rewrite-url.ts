const ENDPOINT = /^\/v2\/([^?]+)\/(blobs|manifests|tags|referrers)\/([^?]*)/; // [^?]: a query must not choose the route

/** Repository names hold slashes, which no route can match in the middle: here they become one segment. */
export function rewriteUrl(url: string): string {
  return url.replace(
    ENDPOINT,
    (_match, name: string, kind: string, rest: string) =>
      `/v2/${encodeURIComponent(name)}/${kind}/${rest}`,
  );
}
