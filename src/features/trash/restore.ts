import { notFound, Refusal } from '../../lib/errors.ts';
import { parseRepositoryName, parseTag } from '../../oci/reference.ts';
import type { Db } from '../../platform/db/connect.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import {
  lockRepositoryById,
  renameRepositories,
  restoreManifests,
  restoreRepository,
  restoreTag,
} from '../artifacts/index.ts';
import { isProjectName, lockProject, restoreProject } from '../projects/index.ts';
import * as store from './store.ts';

export interface RestoreOptions extends store.Doer {
  /** Restores it as another name: a tag, a project, or a repository, whose name is without its project's. */
  newName: string | undefined;
  /** Leaves tags of an artifact in the trash that others have now. */
  withoutUsedTags: boolean;
}

/**
 * Takes what went with one deletion out of the trash, all or nothing. Locks are taken from the outside in:
 * project, repository, the deletion, what is in it.
 */
export async function restore(
  db: Db,
  id: string,
  scope: store.Scope,
  options: RestoreOptions,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const deletion = await store.findDeletion(tx, id, scope);
    if (deletion === undefined) throw notFound('deletion', id);
    if (deletion.kind === 'project') await restoreWholeProject(tx, deletion, options);
    else await restoreInProject(tx, deletion, options);
  });
}

async function restoreWholeProject(
  tx: Db,
  { id, project_id }: store.Deletion,
  options: RestoreOptions,
): Promise<void> {
  const project = await lockProject(tx, project_id, 'exclusive');
  await take(tx, id, options);
  const { name } = project!; // it is there as long as a deletion of it is
  const to = options.newName ?? name;
  if (to !== name && !isProjectName(to)) {
    throw new Refusal(
      'BAD_REQUEST',
      'a project is named with words of a-z and 0-9, parted by ".", "_" or "-"',
    );
  }
  await restoreProject(tx, project_id, to);
  if (to !== name) await renameRepositories(tx, project_id, { from: name, to });
}

async function restoreInProject(
  tx: Db,
  { id, kind, project_id, repository_id, reference }: store.Deletion,
  options: RestoreOptions,
): Promise<void> {
  const { newName, withoutUsedTags, actor, client } = options;
  const project = await lockProject(tx, project_id, 'shared');
  if (project === undefined) throw notFound('deletion', id);
  if (!project.isLive) throw restoreFirst('project', project.name, project.deletionId);
  const repository = await lockRepositoryById(tx, repository_id!);
  if (repository === undefined) throw notFound('deletion', id);
  if (kind !== 'repository' && !repository.isLive) {
    const first = await store.findDeletionOfRepository(tx, repository_id!);
    throw restoreFirst('repository', repository.name, first);
  }
  await take(tx, id, options);
  const restoration = {
    deletionId: id,
    projectId: project_id,
    repositoryId: repository_id!,
    actor,
    client,
  };
  if (kind === 'repository') {
    const wanted = newName === undefined ? repository.name : `${project.name}/${newName}`;
    await restoreRepository(tx, restoration, parseRepositoryName(wanted).name);
  } else if (kind === 'tag') {
    await restoreTag(tx, restoration, newName === undefined ? undefined : parseTag(newName));
  } else if (newName === undefined) {
    await restoreManifests(tx, restoration, { withoutUsedTags });
  } else {
    throw new Refusal('BAD_REQUEST', `an artifact keeps its name, its digest ${reference}`);
  }
}

async function take(tx: Db, id: string, options: RestoreOptions): Promise<void> {
  const after = options.newName === undefined ? null : { name: options.newName };
  await store.emitOutcome(tx, [id], 'restored', options, after);
  if (!(await store.takeDeletion(tx, id))) throw notFound('deletion', id);
}

function restoreFirst(kind: string, name: string, deletionId: string | null | undefined): Refusal {
  return new Refusal('CONFLICT', `the ${kind} ${name} is in the trash; restore that first`, {
    detail: { restore_first: deletionId },
  });
}
