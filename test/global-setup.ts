/** Runs once around `npm test`: one PostgreSQL with a migrated template database for all test files. */
import { startScratchPostgres, type ScratchPostgres } from '../src/platform/db/scratch.ts';
import { ADDRESS_VARIABLE, prepareTemplate } from './harness/database.ts';

let postgres: ScratchPostgres | undefined;

export async function globalSetup(): Promise<void> {
  postgres = await startScratchPostgres();
  await prepareTemplate(postgres.address);
  process.env[ADDRESS_VARIABLE] = JSON.stringify(postgres.address);
}

export async function globalTeardown(): Promise<void> {
  await postgres?.stop();
}
