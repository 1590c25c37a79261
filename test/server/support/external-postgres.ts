import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import pg from 'pg';

import { startEmbeddedPostgres } from '../../../src/platform/db/embedded/index.ts';
import { findFreePort } from '../../clients/support/server.ts';
import { onEnd, temporaryFolder } from './program.ts';

export const PASSWORD = 'p@ss:w/rd?%#&=é';
const log = { info() {}, warn() {}, error() {} };

export interface ExternalPostgres {
  /** With user and password, and a host that stands for 127.0.0.1 and ::1. */
  url(database?: string): string;
  query(text: string, database?: string): Promise<unknown[]>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A PostgreSQL as a company runs it: over TCP, with a user and a password. */
export async function startExternalPostgres(t: TestContext): Promise<ExternalPostgres> {
  const dataDir = join(temporaryFolder(t), 'postgres');
  const port = await findFreePort();
  const settings = { fsync: 'off', listen_addresses: '127.0.0.1', port: String(port) };
  let postgres = await startEmbeddedPostgres({ dataDir, log, settings });
  onEnd(t, () => postgres.stop());
  const { host, user, database: main } = postgres.connection;

  const external: ExternalPostgres = {
    url(database = main) {
      const password = encodeURIComponent(PASSWORD);
      return `postgres://ann:${password}@localhost:${port}/${database}`;
    },
    async query(text, database = main) {
      const client = new pg.Client({ host, port, user, database });
      await client.connect();
      try {
        return (await client.query<Record<string, unknown>>(text)).rows;
      } finally {
        await client.end();
      }
    },
    stop: () => postgres.stop(),
    async start() {
      postgres = await startEmbeddedPostgres({ dataDir, log, settings });
    },
  };
  await external.query(`create role ann superuser login password '${PASSWORD}'`);
  const rules = join(dataDir, 'pg_hba.conf');
  const first = 'host all ann 127.0.0.1/32 scram-sha-256\n';
  writeFileSync(rules, first + readFileSync(rules, 'utf8'));
  await external.query('select pg_reload_conf()');
  return external;
}
