import type { FastifyRequest } from 'fastify';

import { notFound, Refusal } from '../../lib/errors.ts';
import { parseReference, type Reference } from '../../oci/reference.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { RepositoryKey } from '../access/index.ts';
import type { ArtifactOptions, ArtifactRow } from './store/artifact-columns.ts';
import { findArtifact } from './store/artifacts.ts';

type InRepository = Pick<FastifyRequest, 'standing'> & { params: { repository_name: string } };
type AtArtifact = InRepository & { params: { reference: string } };

/** The repository that the path names, in the project in which the caller may do what the route declares. */
export function repositoryOf({ standing, params }: InRepository): RepositoryKey {
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

export const NOTHING_MORE: ArtifactOptions = {
  withTags: false,
  withLabels: false,
  withAccessories: false,
  withInheritedAccessories: false,
};

/** The artifact that the path names. */
export async function getArtifact(
  db: Db,
  request: AtArtifact,
  options: ArtifactOptions = NOTHING_MORE,
): Promise<ArtifactRow> {
  const repository = repositoryOf(request);
  const { reference } = request.params;
  const wanted = findReference(reference);
  const artifact = wanted && (await findArtifact(db, repository, wanted, options));
  if (artifact !== undefined) return artifact;
  throw notFound(
    'artifact',
    `${repository.name}${reference.includes(':') ? '@' : ':'}${reference}`,
  );
}

/** What can be no tag or digest names nothing that is there. */
function findReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
