import type { Pushing } from './push-layer.ts';
import { describe } from './wire.ts';

interface Deletion {
  id: string;
  repository_name?: string;
  digest?: string;
}

/** The last deletion of this kind in the repository, of this artifact or of the whole. */
export async function findDeletion(
  { wire, repository, complain }: Pushing,
  { kind, digest }: { kind: 'artifact' | 'repository'; digest?: string },
): Promise<string | undefined> {
  const name = encodeURIComponent(digest === undefined ? repository : `${repository}@${digest}`);
  const path = `/api/v2.0/trash?kind=${kind}&name=${name}&page_size=100`;
  const answer = await wire.ask('GET', path);
  if (answer === undefined) return undefined;
  const found = (JSON.parse(answer.body.toString()) as Deletion[]).find(
    (deletion) => deletion.repository_name === repository && deletion.digest === digest,
  );
  if (found === undefined) complain(`${path}: it is not in the trash: ${describe(answer)}`);
  return found?.id;
}
