import { formatBytes } from '../../lib/format-bytes.ts';
import { Refusal } from '../../lib/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Db } from '../../platform/db/connect.ts';
import { findExcess, recordExcess, type Excess, type RefusedPush } from './store.ts';

/** Does `work`, which adds to a project in SQL. What does not fit is rolled back and refused. */
export async function withinQuota<T>(
  db: Db,
  push: RefusedPush,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const excess = readExcess(cause);
    if (excess === undefined) throw cause;
    throw await refuse(db, push, excess, cause);
  }
}

/** Refuses a blob that can't have room, before its bytes are read or kept. What passes may be refused later. */
export async function requireRoom(
  db: Db,
  push: RefusedPush,
  blob: { digest: Digest | undefined; sizeBytes: number },
): Promise<void> {
  const excess = await findExcess(db, push.projectId, blob);
  if (excess !== undefined) throw await refuse(db, push, excess);
}

/** The error that `charge_project` raises: what it says of itself. */
function readExcess(error: unknown): Excess | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, detail } = error as Error & { code?: string; detail?: string };
  return code === 'RS001' ? (JSON.parse(detail!) as Excess) : undefined;
}

async function refuse(
  db: Db,
  push: RefusedPush,
  excess: Excess,
  cause?: unknown,
): Promise<Refusal> {
  await recordExcess(db, push, excess);
  const { used, limit, needed } = excess;
  return new Refusal(
    'DENIED',
    `adding ${formatBytes(needed)} of storage resource to the ${formatBytes(used)} that the project uses would exceed ` +
      `its upper limit of ${formatBytes(limit)}; delete what is not needed and empty the trash, or ask for a larger quota`,
    { cause, detail: excess },
  );
}
