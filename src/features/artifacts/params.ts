import type { FastifyRequest } from 'fastify';

import type { RepositoryKey } from '../access/index.ts';

/** The repository that the path names, in the project in which the caller may do what the route declares. */
export function repositoryOf({
  standing,
  params,
}: Pick<FastifyRequest, 'standing'> & { params: { repository_name: string } }): RepositoryKey {
  const { id, name } = standing!;
  return { projectId: id, name: `${name}/${decodeName(params.repository_name)}` };
}

/** Harbor's clients encode the slashes of a name twice; the router has removed one layer. */
function decodeName(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
