import type { FastifyRequest } from 'fastify';

import type { MissingAccess } from '../features/access/index.ts';
import { SERVICE } from '../features/tokens/index.ts';
import { baseUrlOf } from '../platform/http/base-url.ts';

/** Where to get a token, and for what: RFC 6750 §3 and the Docker token specification. */
export function challenge(
  request: FastifyRequest,
  missing: unknown,
  externalUrl: string | undefined,
): string {
  const scopes = listScopes(missing);
  const parameters = [
    `realm="${baseUrlOf(request, externalUrl)}/service/token"`,
    `service="${SERVICE}"`,
    ...(scopes.length === 0 ? [] : [`scope="${scopes.join(' ')}"`]),
  ];
  if (request.caller?.grants !== undefined) parameters.push('error="insufficient_scope"');
  else if (request.headers.authorization?.toLowerCase().startsWith('bearer') === true) {
    parameters.push('error="invalid_token"');
  }
  return `Bearer ${parameters.join(',')}`;
}

/** `repository:team/app:pull,push` for each repository in the detail of the refusal. */
function listScopes(missing: unknown): string[] {
  if (!Array.isArray(missing)) return [];
  const bySubject = Map.groupBy(missing as MissingAccess[], ({ Type, Name }) => `${Type}:${Name}`);
  return [...bySubject].map(
    ([subject, entries]) => `${subject}:${entries.map(({ Action }) => Action).join(',')}`,
  );
}
