import type { FastifyRequest } from 'fastify';

/** The project in the path, by name or id: what `config.project` of these routes wants. */
export const projectOf = (request: FastifyRequest): string =>
  (request.params as { project_name_or_id: string }).project_name_or_id;
