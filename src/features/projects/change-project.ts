import type { Static } from 'typebox';

import { notFound, Refusal } from '../../lib/errors.ts';
import type { Db } from '../../platform/db/connect.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { emit } from '../../platform/events/index.ts';
import { readAllowlist, type AllowlistBody } from './allowlist.ts';
import { applyMetadata, showMetadata, type Metadata } from './metadata.ts';
import { replaceAllowlist } from './store/allowlists.ts';
import * as store from './store/projects.ts';

/** What is changed, and by whom. */
export interface ProjectChange {
  project: { id: number; name: string };
  metadata?: Static<typeof Metadata> | null | undefined;
  cve_allowlist?: Static<typeof AllowlistBody> | null | undefined;
  /** Refuses the change of what is set now. */
  require?: (stored: Record<string, string>) => void;
  actor: string;
  client: string;
}

/** Changes the metadata of a project and its CVE allowlist, and tells what it did; nothing when nothing is other. */
export async function changeProject(db: Db, change: ProjectChange): Promise<void> {
  const { project, actor, client } = change;
  await inTransaction(db, async (tx) => {
    const stored = await store.lockMetadata(tx, project.id);
    if (stored === undefined) throw notFound('project', project.name);
    change.require?.(showMetadata(stored));
    const changed = applyMetadata(stored, change.metadata ?? {});
    const [before, after] = compare(showMetadata(stored), showMetadata(changed));
    const allowlist = readOwnAllowlist(change);
    if (Object.keys({ ...before, ...after }).length === 0 && allowlist === undefined) return;
    await store.updateMetadata(tx, project.id, changed);
    if (allowlist !== undefined) await replaceAllowlist(tx, project.id, allowlist);
    await emit(tx, {
      type: 'project.updated',
      projectId: project.id,
      subject: { project: project.name },
      before,
      after: { ...after, ...(allowlist === undefined ? {} : { cve_allowlist: allowlist }) },
      actor,
      client,
    });
  });
}

function readOwnAllowlist({ project, cve_allowlist }: ProjectChange) {
  if (cve_allowlist === undefined || cve_allowlist === null) return undefined;
  const { project_id = 0 } = cve_allowlist;
  if (project_id !== 0 && project_id !== project.id) {
    throw new Refusal(
      'BAD_REQUEST',
      `bad request: cve_allowlist.project_id is ${project_id}, and the project's id ${project.id}`,
    );
  }
  return readAllowlist(cve_allowlist);
}

/** What differs, as it was and as it is. */
function compare(
  before: Record<string, string>,
  after: Record<string, string>,
): [before: Record<string, string>, after: Record<string, string>] {
  const differing = (some: Record<string, string>, others: Record<string, string>) =>
    Object.fromEntries(Object.entries(some).filter(([key, value]) => others[key] !== value));
  return [differing(before, after), differing(after, before)];
}
