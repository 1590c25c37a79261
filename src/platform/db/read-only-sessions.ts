import type pg from 'pg';

import { isReadOnlySession } from './errors.ts';

/** Refuses a server that is a standby: it would refuse every write, and answer questions with what was before. */
export function requirePrimary(client: pg.PoolClient, done: (error?: Error) => void): void {
  const question = 'select pg_is_in_recovery() as is_standby';
  client.query<{ is_standby: boolean }>(question, (error: Error | null, result) => {
    if (error !== null) done(error);
    else if (!result.rows[0]!.is_standby) done();
    else done(Object.assign(new Error('PostgreSQL is a standby here'), { code: '25006' }));
  });
}

/** Ends a session that turned out to be one that may only read: the next one may be different, the same never is. */
export function dropReadOnlySessions(pool: pg.Pool): void {
  const readOnly = new WeakSet<pg.ClientBase>();
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...values: unknown[]) => unknown;
    const watched = (...values: unknown[]) => {
      const result = query(...values);
      if (result instanceof Promise) {
        result.catch((error: unknown) => {
          if (isReadOnlySession(error)) readOnly.add(client);
        });
      }
      return result;
    };
    client.query = watched as typeof client.query;
  });
  pool.on('release', (_error, client) => {
    if (readOnly.has(client)) void client.end();
  });
}
