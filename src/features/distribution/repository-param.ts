import type { FastifyRequest } from 'fastify';

/** The repository in the path: what `config.repository` of these routes wants. */
export const repositoryOf = (request: FastifyRequest): string =>
  (request.params as { name: string }).name;
