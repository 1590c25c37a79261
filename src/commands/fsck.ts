import {
  acceptStore,
  checkRegistry,
  requireOwnStore,
  startFigures,
  type FsckOptions,
} from '../features/fsck/index.ts';
import { requireRestored } from '../features/backup/index.ts';
import { describeError } from '../lib/describe-error.ts';
import { parseSize } from '../lib/parse-size.ts';
import { quote } from '../lib/quote.ts';
import { readConfig, toConfig, type Config } from '../platform/config/index.ts';
import type { Db } from '../platform/db/connect.ts';
import { migrate } from '../platform/db/migrate.ts';
import { openStorage } from '../platform/storage/index.ts';
import type { Command, CommandLine } from './command.ts';
import { createReport } from './fsck-report.ts';
import { showProgress } from './show-progress.ts';
import { untilStopped } from './stop-signal.ts';
import { withDatabase } from './with-database.ts';

const CLEAN = 0;
const FOUND = 1;
const FAILED = 2;

export const fsckCommand: Command = {
  name: 'fsck',
  summary: 'compare the database with its blob store, beside a running server or without one',
  options: {
    verify: {
      type: 'boolean',
      summary: 'read all bytes, too, and compare them with their digests',
    },
    rate: {
      type: 'string',
      value: 'SIZE/s',
      summary: 'with --verify: read no more, such as 50MB/s',
    },
    after: {
      type: 'string',
      value: 'N',
      summary: 'with --verify: go on where one that was stopped said',
    },
    repair: {
      type: 'boolean',
      summary: 'repair what can be; what nothing refers to is removed after gc.hold_seconds',
    },
    json: { type: 'boolean', summary: 'a line of JSON for each finding, and one with the figures' },
    'accept-store': {
      type: 'boolean',
      summary: 'make this store the one of this database, before it is compared',
    },
  },

  async run({ options }) {
    try {
      const config = toConfig(readConfig());
      const wanted = readOptions(options);
      return await withDatabase(config, async (db) => {
        await migrate(db);
        await requireRestored(db);
        return check(db, config, wanted, {
          isJson: options.json === true,
          isAccepted: options['accept-store'] === true,
        });
      });
    } catch (error) {
      console.error(`roadstead: ${describeError(error)}`);
      return FAILED;
    }
  },
};

function readOptions({
  verify,
  repair,
  rate,
  after,
  ...others
}: CommandLine['options']): FsckOptions {
  if (verify !== true && (rate !== undefined || after !== undefined)) {
    throw new Error('--rate and --after belong to --verify');
  }
  if (repair === true && others['accept-store'] === true) {
    throw new Error('look at what is found in a store that was just accepted, and repair then');
  }
  return {
    verify: verify === true,
    repair: repair === true,
    ...(typeof rate === 'string' ? { rate: parseRate(rate) } : {}),
    ...(typeof after === 'string' ? { after: parseAfter(after) } : {}),
  };
}

function parseRate(text: string): number {
  const bytes = parseSize(text.replace(/\/s$/, ''));
  if (bytes !== undefined) return bytes;
  throw new Error(`--rate is a size a second, such as 50MB/s, not ${quote(text)}`);
}

function parseAfter(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`--after is a number that fsck gave, not ${quote(text)}`);
}

interface Manner {
  isJson: boolean;
  isAccepted: boolean;
}

async function check(
  db: Db,
  config: Config,
  options: FsckOptions,
  { isJson, isAccepted }: Manner,
): Promise<number> {
  const storage = await openStorage(config);
  await storage.prepare();
  const own = { db, storage, config };
  await (isAccepted ? acceptStore(own) : requireOwnStore(own));
  const report = createReport(isJson);
  const progress = showProgress();
  const figures = startFigures();
  const listener = { found: report.found, progress: progress.show, figures };
  try {
    const { isReleased } = await untilStopped((signal) =>
      checkRegistry(own, options, listener, signal),
    );
    progress.end();
    report.end(figures, { isReleased, options });
    return figures.findings === 0 ? CLEAN : FOUND;
  } catch (error) {
    progress.end();
    report.end(figures, { failure: describeError(error), options });
    return FAILED;
  }
}
