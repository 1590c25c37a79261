import { Secret } from '../lib/secret.ts';
import { readConfig, toConfig } from '../platform/config/index.ts';
import { connect } from '../platform/db/connect.ts';
import { openLookups } from '../platform/db/lookups.ts';
import { Disks } from '../platform/disk/index.ts';
import { Recorder } from '../platform/events/index.ts';
import { createLog } from '../platform/log/index.ts';
import { createMetrics } from '../platform/metrics/index.ts';
import { createSecretBox } from '../platform/secret-box.ts';
import { openStorage } from '../platform/storage/index.ts';
import { createApp } from './app.ts';

/** The API as the routes declare it. Nothing is opened: no route is called. */
export async function describeApi(): Promise<string> {
  const config = toConfig(readConfig({}));
  const nowhere = { host: '/nowhere', port: 5432, user: 'nobody', database: 'nothing' };
  const options = { poolSize: 1, statementTimeoutMs: 1000, applicationName: 'generate' };
  const db = connect(nowhere, options);
  const lookups = openLookups(nowhere, options);
  const log = createLog({ level: 'fatal' });
  const app = await createApp(
    {
      config,
      db,
      lookups,
      storage: await openStorage(config),
      disks: new Disks(config),
      secretBox: createSecretBox(new Secret('only so that there is one, nothing is sealed')),
      log,
      metrics: createMetrics(),
      recorder: new Recorder({ db, log }),
      stopping: new AbortController().signal,
    },
    { collectMetrics: () => Promise.reject(new Error('not while generating')) },
  );
  await app.ready();
  const document = app.swagger();
  await app.close();
  await Promise.all([db.destroy(), lookups.destroy()]);
  return JSON.stringify(document, undefined, 2);
}
