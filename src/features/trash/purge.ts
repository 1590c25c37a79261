import type { Db } from '../../platform/db/connect.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import {
  listPurgeable,
  purgeManifests,
  purgeTags,
  removeEmptyRepositories,
  retireRepositories,
} from '../artifacts/index.ts';
import { removeEmptyProjects } from '../projects/index.ts';
import * as store from './store.ts';

const DUE = 1000;
/** Of one transaction. */
const DELETIONS = 100;
const MANIFESTS = 200;
const EMPTY = 100;

export interface Purge {
  deletions: number;
  manifests: number;
  repositories: number;
  projects: number;
}

/**
 * Removes for good whatever has been in the trash for its time, or was given up by somebody, in small steps. Any
 * number of nodes may be at it at once, and it may be ended at any moment. Its blobs are the collector's then.
 */
export async function emptyTrash(db: Db, days: number, signal: AbortSignal): Promise<Purge> {
  const purge: Purge = { deletions: 0, manifests: 0, repositories: 0, projects: 0 };
  const repeat = async (step: () => Promise<number>) => {
    do signal.throwIfAborted();
    while ((await step()) > 0);
  };
  await repeat(() => store.giveUpDueDeletions(db, { days, limit: DUE }));
  await repeat(async () => {
    const { deletions, manifests } = await purgeSome(db);
    purge.deletions += deletions;
    purge.manifests += manifests;
    return deletions + manifests;
  });
  await repeat(async () => count('repositories', await removeEmptyRepositories(db, EMPTY)));
  await repeat(async () => count('projects', await removeEmptyProjects(db, EMPTY)));
  return purge;

  function count(what: keyof Purge, number: number): number {
    purge[what] += number;
    return number;
  }
}

/** One transaction. Answers what it removed: nothing when there is nothing, or others are at the rest. */
async function purgeSome(db: Db): Promise<Pick<Purge, 'deletions' | 'manifests'>> {
  return inTransaction(db, async (tx) => {
    const deletions = await store.lockGivenUp(tx, DELETIONS);
    if (deletions.length === 0) return { deletions: 0, manifests: 0 };
    const deletionIds = deletions.map(({ id }) => id);
    const projectIds = deletions
      .filter(({ kind }) => kind === 'project')
      .map(({ project_id }) => project_id);
    const manifestIds = await listPurgeable(tx, { deletionIds, projectIds, limit: MANIFESTS });
    const gone = await purgeManifests(tx, manifestIds);
    await store.deleteTagDeletions(tx, gone);
    if (manifestIds.length === MANIFESTS) return { deletions: 0, manifests: MANIFESTS };
    // That was all there is of them.
    await purgeTags(tx, deletionIds);
    await retireRepositories(tx, projectIds);
    await store.deleteDeletions(tx, deletionIds);
    return { deletions: deletions.length, manifests: manifestIds.length };
  });
}
