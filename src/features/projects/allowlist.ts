import Type, { type Static } from 'typebox';

import { Refusal } from '../../lib/errors.ts';
import { HarborBody, Reply, timestamp } from '../../platform/http/harbor-body.ts';
import type { Allowlist } from './store/allowlists.ts';

/** The end of the year 9999, in seconds. */
const LATEST = 253_402_300_799;
const Item = Type.Object(
  { cve_id: Type.Optional(Type.String({ maxLength: 255 })) },
  { additionalProperties: false },
);

export const AllowlistBody = HarborBody({
  project_id: Type.Optional(Type.Integer()),
  items: Type.Optional(Type.Union([Type.Array(Item, { maxItems: 10_000 }), Type.Null()])),
  expires_at: Type.Optional(
    Type.Union([Type.Integer({ minimum: 0, maximum: LATEST }), Type.Null()], {
      description: 'Seconds since 1970; null or left out: never.',
    }),
  ),
  id: Type.Optional(Type.Integer()),
  creation_time: Type.Optional(Type.String()),
  update_time: Type.Optional(Type.String()),
});

export const AllowlistReply = Reply({
  id: Type.Integer(),
  project_id: Type.Integer(),
  items: Type.Array(Type.Object({ cve_id: Type.String() })),
  expires_at: Type.Union([Type.Integer(), Type.Null()]),
  creation_time: Type.String({ format: 'date-time' }),
  update_time: Type.String({ format: 'date-time' }),
});

/** The vulnerabilities that a client names, each once. */
export function readAllowlist({
  items,
  expires_at,
}: Static<typeof AllowlistBody>): Pick<Allowlist, 'cve_ids' | 'expires_at'> {
  const ids = (items ?? []).map(({ cve_id }) => (cve_id ?? '').trim());
  const seen = new Set<string>();
  for (const id of ids) {
    if (id === '' || seen.has(id)) {
      const what = id === '' ? 'an item without a cve_id' : `${id} twice`;
      throw new Refusal('BAD_REQUEST', `bad request: the CVE allowlist has ${what}`);
    }
    seen.add(id);
  }
  return { cve_ids: ids, expires_at: expires_at ?? null };
}

export function showAllowlist({ id, cve_ids, expires_at, created_at, updated_at }: Allowlist) {
  return {
    id,
    items: cve_ids.map((cve_id) => ({ cve_id })),
    ...(expires_at === null ? {} : { expires_at }),
    creation_time: timestamp(new Date(created_at * 1000)),
    update_time: timestamp(new Date(updated_at * 1000)),
  };
}
