import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';

import { sql } from 'kysely';

import { hashPassword } from '../../src/features/accounts/password.ts';
import { connect, type Db } from '../../src/platform/db/connect.ts';
import { startScratchPostgres, type ScratchPostgres } from '../../src/platform/db/scratch.ts';

export type Address = ScratchPostgres['address'];

/** How the test files learn of the PostgreSQL that `test/global-setup.ts` started. */
export const ADDRESS_VARIABLE = 'ROADSTEAD_TEST_POSTGRES';
export const ADMIN_PASSWORD = 'Adm1nAdm1n';

export function open(address: Address, poolSize = 5, maxWaiting = Infinity): Db {
  const options = { poolSize, maxWaiting, statementTimeoutMs: 30_000, applicationName: 'test' };
  return connect(address, options);
}

/** Everything a test may rely on: `admin` has a password. */
export async function prepareTemplate(address: Address): Promise<void> {
  const db = open(address, 1);
  await db
    .updateTable('user_account')
    .set({ password_hash: await hashPassword(ADMIN_PASSWORD) })
    .where('username', '=', 'admin')
    .execute();
  await db.destroy();
}

let own: Promise<Address> | undefined;

/** The shared PostgreSQL; one of its own for a test file that is run alone. */
async function findServer(): Promise<Address> {
  const shared = process.env[ADDRESS_VARIABLE];
  if (shared !== undefined) return JSON.parse(shared) as Address;
  own ??= startOwn();
  return own;
}

async function startOwn(): Promise<Address> {
  const postgres = await startScratchPostgres();
  // Hooks of node:test would end it with the first test.
  process.once('beforeExit', () => void postgres.stop());
  await prepareTemplate(postgres.address);
  return postgres.address;
}

/** A database for one test, migrated unless it shall be empty; gone when the test is over. */
export async function createDatabase(
  t: TestContext,
  { isEmpty = false }: { isEmpty?: boolean } = {},
): Promise<Address> {
  const template = await findServer();
  const database = `test_${randomBytes(8).toString('hex')}`;
  const maintain = async (statement: string) => {
    const db = open({ ...template, database: 'postgres' }, 1);
    await sql.raw(statement).execute(db);
    await db.destroy();
  };
  await maintain(
    `create database ${database} template ${isEmpty ? 'template0' : template.database}`,
  );
  t.after(() => maintain(`drop database ${database} with (force)`));
  return { ...template, database };
}
