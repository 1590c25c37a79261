import { join, resolve } from 'node:path';

import {
  findName,
  formatSeconds,
  listNames,
  makeBackup,
  Progress,
  readManifest,
  verifyBackup,
  type MadeBackup,
  type Manifest,
} from '../features/backup/index.ts';
import { describeError } from '../lib/describe-error.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { readConfig, toConfig } from '../platform/config/index.ts';
import { openStorage } from '../platform/storage/index.ts';
import type { Command, CommandLine } from './command.ts';
import { showDamaged } from './show-damaged.ts';
import { untilStopped } from './stop-signal.ts';
import { withDatabase } from './with-database.ts';

export const backupCommand: Command = {
  name: 'backup',
  summary:
    'back up the registry into a folder, while it runs; what is there already is not copied again',
  parameters: ['DIR'],
  options: {
    keep: { type: 'string', value: 'N', summary: 'then remove all but the N newest whole backups' },
    blobs: {
      type: 'string',
      value: 'copy|list',
      summary:
        'whether to copy blobs (the default), or only to list them: the store is backed up otherwise',
    },
    list: { type: 'boolean', summary: 'show the backups in DIR' },
    verify: { type: 'boolean', summary: 'read a backup again, the newest if none is named' },
    backup: { type: 'string', value: 'NAME', summary: 'which one to verify' },
  },

  async run(line) {
    const [dir] = line.parameters as [string];
    if (line.options.list === true) return showBackups(resolve(dir));
    if (line.options.verify === true) return verify(resolve(dir), line);
    return backUp(dir, line);
  },
};

async function backUp(dir: string, { options }: CommandLine): Promise<number> {
  const keep = options.keep === undefined ? undefined : Number(options.keep);
  if (keep !== undefined && !(Number.isInteger(keep) && keep > 0)) {
    console.error('roadstead backup: --keep wants a number from 1 on');
    return 2;
  }
  const { blobs = 'copy' } = options;
  if (blobs !== 'copy' && blobs !== 'list') {
    console.error('roadstead backup: --blobs wants copy or list');
    return 2;
  }
  const config = toConfig(readConfig());
  const storage = await openStorage(config);
  const made = await untilStopped((signal) =>
    withDatabase(config, (db, address) =>
      makeBackup({
        address,
        db,
        storage,
        config,
        dir,
        content: blobs === 'copy' ? 'copied' : 'listed',
        keep,
        progress: new Progress(process.stderr),
        signal,
      }),
    ),
  );
  return showMade(made, config.secret_key === undefined ? config.data : undefined);
}

function showMade({ manifest, removed }: MadeBackup, dataWithKey: string | undefined): number {
  const { blobs } = manifest;
  console.log(`Backup:   ${manifest.name} (${formatSeconds(manifest.took_seconds)})`);
  console.log(`Holds:    ${describe(manifest)}`);
  if (blobs.content === 'copied') {
    console.log(`New:      ${blobs.new_count} blobs (${formatBytes(blobs.new_bytes)})`);
  }
  if (removed.length > 0) console.log(`Removed:  ${removed.join(', ')}`);
  if (dataWithKey !== undefined) {
    console.log(`Not in it: ${join(resolve(dataWithKey), 'secret.key')}; keep a copy elsewhere`);
  }
  return showDamaged('could not be read and are not in the backup', blobs.missing);
}

async function showBackups(root: string): Promise<number> {
  for (const name of await listNames(root)) {
    console.log(`${name}  ${await describeBackup(join(root, name))}`);
  }
  return 0;
}

async function describeBackup(folder: string): Promise<string> {
  try {
    return describe(await readManifest(folder));
  } catch (error) {
    return describeError(error);
  }
}

function describe({ tables, blobs, program }: Omit<Manifest, 'format'>): string {
  const rows = (name: string) => tables.find((table) => table.name === name)?.rows ?? 0;
  const content = blobs.content === 'listed' ? 'listed only' : formatBytes(blobs.bytes);
  const missing = blobs.missing.length > 0 ? `, ${blobs.missing.length} MISSING` : '';
  return (
    `${rows('repository')} repositories, ${rows('tag')} tags, ` +
    `${blobs.count} blobs (${content}${missing}), made by ${program}`
  );
}

async function verify(root: string, { options }: CommandLine): Promise<number> {
  const name = await findName(root, options.backup as string | undefined);
  const progress = new Progress(process.stderr);
  const { manifest, damaged } = await untilStopped((signal) =>
    verifyBackup({ root, name }, { progress, signal }),
  );
  if (damaged.length === 0) {
    console.log(`${name} is whole: ${describe(manifest)}`);
    return 0;
  }
  return showDamaged(
    `of ${name} are damaged. Remove their files and back up again, while the registry has them still`,
    damaged,
  );
}
