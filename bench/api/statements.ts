import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { join } from 'node:path';

import type { Client } from 'pg';

const RELOAD_MS = 300;
const MARK = 'statement of the bench';
/** Without what opens and ends a transaction, and without the look-ups of who asks, which all requests of a moment share. */
const ASKS = /\] roadstead LOG: {2}(?:statement|execute [^:]*): (?!begin|start|commit|set )/i;

/** Has PostgreSQL log all statements. */
export async function logStatements(client: Client): Promise<void> {
  await client.query(`alter system set log_statement = 'all'`);
  await client.query('select pg_reload_conf()');
  await setTimeout(RELOAD_MS);
}

export async function logNoStatements(client: Client): Promise<void> {
  await client.query('alter system reset log_statement');
  await client.query('select pg_reload_conf()');
  await setTimeout(RELOAD_MS);
}

/** How many statements `work` takes; whatever else the server does at this moment counts too. */
export async function countStatements(
  data: string,
  mark: (text: string) => Promise<unknown>,
  work: () => Promise<unknown>,
): Promise<number> {
  const id = `${MARK} ${Math.random()}`;
  await mark(`select '${id} begins'`);
  await work();
  await mark(`select '${id} ends'`);
  const file = join(data, 'postgres.log');
  for (;;) {
    const text = readFileSync(file, 'utf8');
    const [begin, end] = [text.lastIndexOf(`${id} begins`), text.lastIndexOf(`${id} ends`)];
    if (begin >= 0 && end > begin) {
      return text
        .slice(begin, end)
        .split('\n')
        .filter((line) => ASKS.test(line)).length;
    }
    if (begin < 0 && end >= 0) throw new Error('the log was rotated in the middle of a count');
    await setTimeout(10);
  }
}
