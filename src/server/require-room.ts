import type { FastifyRequest } from 'fastify';

import type { Disks } from '../platform/disk/index.ts';

const BRINGING = new Set(['POST', 'PUT', 'PATCH']);

/** Refuses a push, before its bytes come, when they would not leave the disk what PostgreSQL needs to go on. */
export async function requireRoom(
  disks: Disks,
  { method, headers, routeOptions }: FastifyRequest,
): Promise<void> {
  if (routeOptions.config.access !== 'repository:push' || !BRINGING.has(method)) return;
  await disks.requireRoom(Number(headers['content-length'] ?? 0));
}
