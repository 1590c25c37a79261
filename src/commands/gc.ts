import { findReclaimable, type Reclaimable } from '../features/artifacts/index.ts';
import { collectGarbage } from '../features/garbage-collection/index.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { readConfig, toConfig, type Config } from '../platform/config/index.ts';
import type { Db } from '../platform/db/connect.ts';
import { migrate } from '../platform/db/migrate.ts';
import { createLog } from '../platform/log/index.ts';
import { openStorage } from '../platform/storage/index.ts';
import type { Command } from './command.ts';
import { withDatabase } from './with-database.ts';

export const gcCommand: Command = {
  name: 'gc',
  summary: 'collect garbage now, as the server does all the time; shows what there is',
  options: {
    'dry-run': { type: 'boolean', summary: 'show what could be had back, and remove nothing' },
  },

  async run({ options }) {
    const config = toConfig(readConfig());
    await withDatabase(config, async (db) => {
      await migrate(db);
      if (options['dry-run'] !== true) await collect(db, config);
      showReclaimable(await findReclaimable(db, config.gc.grace_seconds), config);
    });
    return 0;
  },
};

async function collect(db: Db, config: Config): Promise<void> {
  const storage = await openStorage(config);
  await storage.prepare();
  const stopping = new AbortController();
  const stop = () => stopping.abort(new Error('stopped; what was done is done'));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const round = await collectGarbage(
    { db, storage, config, log: createLog({ level: 'warn' }) },
    stopping.signal,
  );
  console.log(`Uploads given up:     ${round.uploads}`);
  console.log(`Blobs collected:      ${round.blobs} (${formatBytes(round.bytes)})`);
  console.log(`Removed from store:   ${round.removed} (${formatBytes(round.removed_bytes)})`);
}

function showReclaimable(left: Reclaimable, { gc }: Config): void {
  const of = (count: number, bytes: number) => `${count} (${formatBytes(bytes)})`;
  console.log(`Reclaimable now:      ${of(left.blobs, left.bytes)}`);
  console.log(
    `Too young:            ${of(left.young_blobs, left.young_bytes)}; asked for in the last ${gc.grace_seconds} s`,
  );
  console.log(
    `Waiting for removal:  ${of(left.waiting, left.waiting_bytes)}; held for ${gc.hold_seconds} s`,
  );
  if (left.failed > 0) {
    console.log(`Removal failed:       ${left.failed}; the last reason: ${left.last_error}`);
  }
}
