import { resolve } from 'node:path';

import { findName, Progress, restore } from '../features/backup/index.ts';
import { readConfig, toConfig } from '../platform/config/index.ts';
import { createSecretBox } from '../platform/secret-box.ts';
import { openStorage } from '../platform/storage/index.ts';
import { findSecretKey } from '../server/process/secret-key.ts';
import type { Command } from './command.ts';
import { showDamaged } from './show-damaged.ts';
import { untilStopped } from './stop-signal.ts';
import { withDatabase } from './with-database.ts';

export const restoreCommand: Command = {
  name: 'restore',
  summary:
    'put a backup into an empty database and the store of the configuration, or go on with that',
  parameters: ['DIR'],
  options: {
    backup: { type: 'string', value: 'NAME', summary: 'which one; the newest if none is named' },
    'keep-blobs': {
      type: 'boolean',
      summary: 'the store has the blobs already, at their old places: bring the database only',
    },
    'new-secret-key': {
      type: 'boolean',
      summary: 'the secret key is lost: do without what was encrypted with it',
    },
    'without-damaged': {
      type: 'boolean',
      summary: 'finish even though blobs of the backup are damaged or missing',
    },
  },

  async run({ parameters, options }) {
    const root = resolve(parameters[0]!);
    const name = await findName(root, options.backup as string | undefined);
    const config = toConfig(readConfig());
    const key = findSecretKey(config);
    const storage = await openStorage(config);
    const damaged = await untilStopped((signal) =>
      withDatabase(config, (db, address) =>
        restore({
          address,
          db,
          storage,
          config,
          secretBox: key && createSecretBox(key),
          root,
          name,
          keepBlobs: options['keep-blobs'] === true,
          newSecretKey: options['new-secret-key'] === true,
          withoutDamaged: options['without-damaged'] === true,
          progress: new Progress(process.stderr),
          signal,
        }),
      ),
    );
    const isFinished = damaged.length === 0 || options['without-damaged'] === true;
    console.log(isFinished ? `${name} is restored.` : `${name} is NOT restored, not all of it.`);
    return showDamaged(
      isFinished
        ? 'are lost'
        : 'cannot be had from the backup. Bring the files back and restore again, or do without them: --without-damaged',
      damaged,
    );
  },
};
