import { sql } from 'kysely';

import { Refusal } from '../../lib/errors.ts';
import type { Db } from '../../platform/db/connect.ts';
import { isUniqueViolation } from '../../platform/db/errors.ts';
import {
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
    .where(
      name === undefined
        ? sql<boolean>`true`
        : sql<boolean>`position(lower(${name} collate "C") in lower(name)) > 0`,
    );
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
