import type { FastifyRequest } from 'fastify';

import { findSettings } from '../features/settings/index.ts';
import { Refusal } from '../lib/errors.ts';
import type { Lookups } from '../platform/db/lookups.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Refuses what may change something while the registry is read-only. Scripts look for Harbor's words. */
export async function requireWritable(
  lookups: Lookups,
  { method, routeOptions }: FastifyRequest,
): Promise<void> {
  if (SAFE.has(method) || routeOptions.config.whileReadOnly === true) return;
  const { read_only } = await findSettings(lookups);
  if (!read_only) return;
  throw new Refusal('DENIED', 'The system is in read only mode. Any modification is prohibited.');
}
