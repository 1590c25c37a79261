import type { FastifyRequest } from 'fastify';

import { SERVICE } from '../features/tokens/index.ts';

/** The URL that clients know us by: configured, or as this request came in. */
export function baseUrl(request: FastifyRequest, externalUrl: string | undefined): string {
  if (externalUrl !== undefined) return externalUrl.replace(/\/$/, '');
  // A Host that could end the quoted realm is not repeated.
  const host = /^[\w.:[\]-]+$/.test(request.host) ? request.host : 'localhost';
  return `${request.protocol}://${host}`;
}

/** Where to get a token, and for what: RFC 6750 §3 and the Docker token specification. */
export function challenge(request: FastifyRequest, externalUrl: string | undefined): string {
  const parameters = [
    `realm="${baseUrl(request, externalUrl)}/service/token"`,
    `service="${SERVICE}"`,
    ...wantedScope(request),
  ];
  if (request.caller?.grants !== undefined) parameters.push('error="insufficient_scope"');
  else if (request.headers.authorization?.toLowerCase().startsWith('bearer') === true) {
    parameters.push('error="invalid_token"');
  }
  return `Bearer ${parameters.join(',')}`;
}

function wantedScope(request: FastifyRequest): string[] {
  const { access, repository } = request.routeOptions.config;
  if (access === 'catalog') return ['scope="registry:catalog:*"'];
  if (repository === undefined || access === undefined) return [];
  const actions = { 'repository:pull': 'pull', 'repository:push': 'pull,push', 'repository:delete': 'delete' };
  const name = repository(request);
  if (!/^[a-z0-9._/-]+$/.test(name)) return [];
  return [`scope="repository:${name}:${actions[access as keyof typeof actions]}"`];
}
