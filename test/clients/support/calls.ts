import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { endWithTests } from './ending.ts';
import { pathOf } from './needs.ts';
import type { Server } from './server.ts';

type Answer = { value: unknown } | { error: string };

/** A person who writes calls of a library for Harbor's API. */
export interface Library {
  /** Gives what the call gives. */
  call<T = unknown>(name: string, values?: object): Promise<T>;
  /** A call that must be refused; gives what the library says about it. */
  refused(name: string, values?: object): Promise<string>;
  stop(): Promise<void>;
}

/** PyPI's harborapi. */
export const startHarborApi = async (server: Server): Promise<Library> =>
  start('harborapi', [join(import.meta.dirname, 'harborapi-calls.py')], server);

/** Harbor's own client in Go. */
export const startGoClient = async (server: Server): Promise<Library> =>
  start('harbor-go-client', [], server);

/** Starts a program that makes the calls it reads, one a line. */
function start(client: string, words: string[], { url, admin }: Server): Library {
  const base = client === 'harborapi' ? `${url}/api/v2.0` : url;
  const child = spawn(pathOf(client), [...words, base, admin.username]);
  let said = '';
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  child.stdin.on('error', () => undefined); // what it said is told with the answer that does not come
  child.stdin.write(`${admin.password}\n`);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();

  async function ask(name: string, values: object): Promise<Answer> {
    child.stdin.write(`${JSON.stringify({ call: name, with: values })}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${client} ended at ${name}\n${said}`);
    return JSON.parse(value) as Answer;
  }

  return {
    async call<T>(name: string, values = {}) {
      const answer = await ask(name, values);
      if ('value' in answer) return answer.value as T;
      throw new Error(`${name} ${JSON.stringify(values)}\n${answer.error}`);
    },
    async refused(name, values = {}) {
      const answer = await ask(name, values);
      if ('error' in answer) return answer.error;
      throw new Error(`${name} ${JSON.stringify(values)}\nwas not refused`);
    },
    stop: endWithTests(async () => {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, 'exit');
    }),
  };
}
