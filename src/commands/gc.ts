import { findReclaimable, type Reclaimable } from '../features/artifacts/index.ts';
import { requireOwnStore } from '../features/fsck/index.ts';
import {
  collectGarbage,
  listHolds,
  releaseHold,
  renewHold,
  takeHold,
  type CollectionHold,
} from '../features/garbage-collection/index.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { quote } from '../lib/quote.ts';
import { readConfig, toConfig, type Config } from '../platform/config/index.ts';
import type { Db } from '../platform/db/connect.ts';
import { migrate } from '../platform/db/migrate.ts';
import { createLog } from '../platform/log/index.ts';
import { openStorage } from '../platform/storage/index.ts';
import type { Command, CommandLine } from './command.ts';
import { untilStopped } from './stop-signal.ts';
import { withDatabase } from './with-database.ts';

export const gcCommand: Command = {
  name: 'gc',
  summary: 'collect garbage now, as the server does all the time; shows what there is',
  options: {
    'dry-run': { type: 'boolean', summary: 'show what could be had back, and remove nothing' },
    hold: {
      type: 'string',
      value: 'NAME',
      summary: 'from now on remove nothing, on any node; with --hours again: renew it',
    },
    hours: {
      type: 'string',
      value: 'N',
      summary: 'how long that hold lasts if nobody releases it',
    },
    'release-hold': { type: 'string', value: 'NAME', summary: 'end a hold, whoever took it' },
  },

  async run({ options }) {
    const config = toConfig(readConfig());
    const work = chooseWork(options, config);
    await withDatabase(config, async (db) => {
      await migrate(db);
      await work(db);
      showHolds(await listHolds(db));
      showReclaimable(await findReclaimable(db, config.gc.grace_seconds), config);
    });
    return 0;
  },
};

function chooseWork(
  { hold, hours, 'release-hold': released, 'dry-run': isDry }: CommandLine['options'],
  config: Config,
): (db: Db) => Promise<void> {
  if (typeof hold === 'string') {
    const name = requireHoldName(hold);
    const seconds = typeof hours === 'string' ? parseHours(hours) : undefined;
    return (db) => takeOrRenew(db, name, seconds);
  }
  if (hours !== undefined) throw new Error('--hours belongs to --hold');
  if (typeof released === 'string') return (db) => release(db, released);
  return isDry === true ? async () => {} : (db) => collect(db, config);
}

function requireHoldName(name: string): string {
  if (/^[a-z][a-z0-9-]{0,63}$/.test(name)) return name;
  throw new Error(`a hold's name has small letters, digits and dashes, not ${quote(name)}`);
}

function parseHours(text: string): number {
  const hours = Number(text);
  if (hours > 0 && hours <= 24 * 365) return hours * 60 * 60;
  throw new Error(`--hours is a number above 0, not ${quote(text)}`);
}

async function takeOrRenew(db: Db, name: string, seconds: number | undefined): Promise<void> {
  if (seconds === undefined) {
    await takeHold(db, { name, reason: 'roadstead gc --hold' });
  } else if (!(await renewHold(db, { name, expiresInSeconds: seconds }))) {
    await takeHold(db, { name, reason: 'roadstead gc --hold', expiresInSeconds: seconds });
  }
}

async function release(db: Db, name: string): Promise<void> {
  if (!(await releaseHold(db, name))) throw new Error(`there is no hold ${quote(name)}`);
}

async function collect(db: Db, config: Config): Promise<void> {
  const storage = await openStorage(config);
  await storage.prepare();
  await requireOwnStore({ db, storage, config });
  const log = createLog({ level: 'warn', destination: process.stderr });
  const round = await untilStopped((signal) =>
    collectGarbage({ db, storage, config, log }, signal),
  );
  console.log(`Uploads given up:     ${round.uploads}`);
  console.log(`Blobs collected:      ${round.blobs} (${formatBytes(round.bytes)})`);
  console.log(`Removed from store:   ${round.removed} (${formatBytes(round.removed_bytes)})`);
}

function showHolds(holds: CollectionHold[]): void {
  for (const { name, reason, since, expires_at } of holds) {
    const end =
      expires_at === null
        ? `until it is released (roadstead gc --release-hold ${name})`
        : `at least until ${expires_at.toISOString()}`;
    console.log(
      `Nothing is removed:   held by ${name} since ${since.toISOString()}, ${end}: ${reason}`,
    );
  }
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
