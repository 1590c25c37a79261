import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';
import {
  integerColumn,
  meets,
  orderBy,
  textColumn,
  timeColumn,
  type ListFields,
} from '../../../platform/db/list.ts';
import type { ListOptions } from '../../../platform/http/paging.ts';
import { accessoryColumns, type AccessoryRow } from './artifact-columns.ts';

const LIST_FIELDS: ListFields = {
  id: integerColumn('a.id'),
  artifactid: integerColumn('a.id'),
  type: textColumn('a.accessory_type'),
  size: integerColumn('a.content_bytes'),
  digest: { column: sql`digest_text(a.digest)`, type: 'text' },
  creationtime: timeColumn('a.pushed_at'),
};

/** What belongs to an artifact, the oldest first. */
export async function listAccessories(
  db: Db,
  artifact: { id: number },
  { conditions, sort, limit, offset }: ListOptions,
): Promise<{ accessories: AccessoryRow[]; total: number }> {
  const from = sql`
    from live_manifest m
    join live_manifest a on a.repository_id = m.repository_id and a.accessory_of = m.digest
    where m.id = ${artifact.id} and ${meets(LIST_FIELDS, conditions)}`;
  const { rows } = await sql<AccessoryRow>`
    select ${accessoryColumns('m')} ${from}
    order by ${orderBy(LIST_FIELDS, sort, sql`a.id`)} limit ${limit} offset ${offset}`.execute(db);
  const counted = await sql<{ total: number }>`select count(*) as total ${from}`.execute(db);
  return { accessories: rows, total: counted.rows[0]!.total };
}
