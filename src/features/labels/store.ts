import { sql } from 'kysely';

import { notFound, Refusal } from '../../lib/errors.ts';
import type { Db } from '../../platform/db/connect.ts';
import { isForeignKeyViolation, isUniqueViolation } from '../../platform/db/errors.ts';
import {
  contains,
  integerColumn,
  meets,
  orderBy,
  textColumn,
  timeColumn,
  type ListFields,
} from '../../platform/db/list.ts';
import type { ListOptions } from '../../platform/http/paging.ts';

export interface Label {
  id: number;
  /** Null: of the whole registry. */
  project_id: number | null;
  name: string;
  description: string;
  color: string;
  created_at: Date;
  updated_at: Date;
}

export type NewLabel = Pick<Label, 'project_id' | 'name' | 'description' | 'color'>;

const COLUMNS = [
  'id',
  'project_id',
  'name',
  'description',
  'color',
  'created_at',
  'updated_at',
] as const;

const LIST_FIELDS: ListFields = {
  id: integerColumn('id'),
  name: textColumn('name'),
  description: textColumn('description'),
  color: textColumn('color'),
  creationtime: timeColumn('created_at'),
  updatetime: timeColumn('updated_at'),
};

/** Labels of a project, or those of the whole registry. */
export async function listLabels(
  db: Db,
  { projectId, name }: { projectId: number | null; name: string | undefined },
  { conditions, sort, limit, offset }: ListOptions,
): Promise<{ labels: Label[]; total: number }> {
  const query = db
    .selectFrom('label')
    .where('project_id', projectId === null ? 'is' : '=', projectId)
    .where(meets(LIST_FIELDS, conditions))
    .where(name === undefined ? sql<boolean>`true` : contains(sql`name`, name));
  const labels = await query
    .select(COLUMNS)
    .orderBy(orderBy(LIST_FIELDS, sort, sql`name`))
    .limit(limit)
    .offset(offset)
    .execute();
  const { total } = await query
    .select(({ fn }) => fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  return { labels, total };
}

export async function findLabel(db: Db, id: number): Promise<Label | undefined> {
  return db.selectFrom('label').select(COLUMNS).where('id', '=', id).executeTakeFirst();
}

export async function insertLabel(tx: Db, label: NewLabel): Promise<number> {
  try {
    const { id } = await tx
      .insertInto('label')
      .values(label)
      .returning('id')
      .executeTakeFirstOrThrow();
    return id;
  } catch (cause) {
    throw asConflict(cause, label);
  }
}

/** False: it is not there any more. */
export async function updateLabel(
  tx: Db,
  id: number,
  change: Pick<Label, 'name' | 'description' | 'color'>,
): Promise<boolean> {
  try {
    const { numUpdatedRows } = await tx
      .updateTable('label')
      .set({ ...change, updated_at: sql`now()` })
      .where('id', '=', id)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  } catch (cause) {
    throw asConflict(cause, change);
  }
}

/** Deletes a label, which goes from all artifacts with it. False: it is not there any more. */
export async function deleteLabel(tx: Db, id: number): Promise<boolean> {
  const { numDeletedRows } = await tx.deleteFrom('label').where('id', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}

function asConflict(cause: unknown, { name }: { name: string }): unknown {
  if (!isUniqueViolation(cause)) return cause;
  return new Refusal('CONFLICT', `conflict: the label ${name} already exists`, { cause });
}

/** Puts a label on an artifact of this project, and answers its name. Refuses one of another project, or put twice. */
export async function addLabel(
  tx: Db,
  { labelId, manifestId, projectId }: { labelId: number; manifestId: number; projectId: number },
): Promise<string> {
  const label = await findLabel(tx, labelId);
  if (label === undefined || (label.project_id ?? projectId) !== projectId) {
    throw notFound('label', labelId);
  }
  try {
    await tx
      .insertInto('artifact_label')
      .values({ label_id: labelId, manifest_id: manifestId })
      .execute();
  } catch (cause) {
    if (isUniqueViolation(cause)) {
      throw new Refusal('CONFLICT', `conflict: the artifact has the label ${label.name} already`, {
        cause,
      });
    }
    if (isForeignKeyViolation(cause)) throw notFound('label', labelId); // it, or the artifact, is just gone
    throw cause;
  }
  return label.name;
}

/** Takes a label off an artifact, and answers its name. */
export async function removeLabel(
  tx: Db,
  { labelId, manifestId }: { labelId: number; manifestId: number },
): Promise<string> {
  const { rows } = await sql<{ name: string }>`
    delete from artifact_label al using label l
    where l.id = al.label_id and al.label_id = ${labelId} and al.manifest_id = ${manifestId}
    returning l.name`.execute(tx);
  const [removed] = rows;
  if (removed === undefined) throw notFound('label', labelId);
  return removed.name;
}

/** Puts the labels of some manifests on others that are the same artifacts. */
export async function moveLabels(tx: Db, moves: { from: number; to: number }[]): Promise<void> {
  await sql`
    insert into artifact_label (label_id, manifest_id)
    select al.label_id, move.to_id
    from unnest(${moves.map(({ from }) => from)}::bigint[], ${moves.map(({ to }) => to)}::bigint[]) as move (from_id, to_id)
    join artifact_label al on al.manifest_id = move.from_id
    on conflict do nothing`.execute(tx);
}
