const ENDPOINT = /^\/v2\/(.+)\/(blobs|manifests|tags|referrers)\/(.*)$/;

/**
 * The URL that is routed. A whole one is allowed (RFC 9112 §3.2.2): its host says nothing. Repeated slashes count as
 * one, and in Harbor's API one at the end as none, as Harbor does it. Repository names hold slashes, which no route can
 * match in the middle: here they become one segment.
 */
export function rewriteUrl(target: string): string {
  const url = target.replace(/^https?:\/\/[^/?]*/i, '') || '/';
  const end = url.indexOf('?'); // a query must not choose the route
  const path = (end < 0 ? url : url.slice(0, end)).replaceAll(/\/{2,}/g, '/');
  const query = end < 0 ? '' : url.slice(end);
  if (path === '/v2') return `/v2/${query}`;
  if (path.startsWith('/api/')) return path.replace(/\/$/, '') + query;
  const routed = path.replace(
    ENDPOINT,
    (_match, name: string, kind: string, rest: string) =>
      `/v2/${encodeURIComponent(name)}/${kind}/${rest}`,
  );
  return routed + query;
}
