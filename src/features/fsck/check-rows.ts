import {
  keepBlobBytes,
  nominateBlobs,
  repairManifestBytes,
  repointTags,
  showRepositories,
} from '../artifacts/index.ts';
import { correctUsage, listDrifts } from '../quotas/index.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { Check } from './check.ts';
import type { FindingKind } from './finding.ts';
import { findAffectedByManifest } from './store/affected.ts';
import { findRows, MOST_ROWS, ROW_CHECKS } from './store/rows.ts';

/** What is done about rows of a kind. Answers the ids of those that are right then; nothing: all of them. */
const REPAIRS: Partial<Record<FindingKind, (db: Db, ids: number[]) => Promise<number[] | void>>> = {
  'tag-target': repointTags,
  'manifest-out-of-service': healManifests,
  'blob-forgotten': nominateBlobs,
  'deletion-of-used': keepBlobBytes,
  'repository-hidden': showRepositories,
};

/** Looks for rows that contradict each other. Each look is one statement, so nothing that changes meanwhile is found. */
export async function checkRows(check: Check): Promise<void> {
  await checkUsage(check);
  for (const [done, { kind, query }] of ROW_CHECKS.entries()) {
    check.signal.throwIfAborted();
    check.progress({ what: 'looking at rows', done, total: ROW_CHECKS.length });
    const rows = await findRows(check.db, query);
    const repaired = await repair(
      check,
      kind,
      rows.map(({ id }) => id),
    );
    for (const { id, note } of rows) {
      const isManifest = kind === 'manifest-out-of-service';
      const affected = isManifest ? { affected: await findAffectedByManifest(check.db, id) } : {};
      check.found({ kind, note, ...affected, isRepaired: repaired.has(id) });
    }
    if (rows.length === MOST_ROWS) {
      check.found({ kind, note: 'perhaps more; run fsck again', isRepaired: false });
    }
  }
}

/** What is counted for the quotas of projects. */
async function checkUsage({ db, options, found }: Check): Promise<void> {
  for (const drift of await listDrifts(db)) {
    if (options.repair) await correctUsage(db, drift);
    const { project_name, counted, actual } = drift;
    const note = `${project_name}: ${counted} bytes are counted, ${actual} are there`;
    found({ kind: 'project-usage', note, isRepaired: options.repair });
  }
}

async function repair(
  { db, options }: Check,
  kind: FindingKind,
  ids: number[],
): Promise<Set<number>> {
  const work = REPAIRS[kind];
  if (!options.repair || work === undefined || ids.length === 0) return new Set();
  return new Set((await work(db, ids)) ?? ids);
}

async function healManifests(db: Db, ids: number[]): Promise<number[]> {
  const healed: number[] = [];
  for (const id of ids) if (await repairManifestBytes(db, id)) healed.push(id);
  return healed;
}
