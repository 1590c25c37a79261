import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { endWithTests } from './ending.ts';
import { pathOf } from './needs.ts';
import type { Server } from './server.ts';

const program = join(import.meta.dirname, 'harborapi-calls.py');

type Answer = { value: unknown } | { status: number; message: string };

/** A person who types calls of PyPI's harborapi. */
export interface HarborApi {
  /** Gives what the call gives. */
  call<T = string>(name: string, values?: object): Promise<T>;
  /** A call that must be refused; gives the status. */
  refused(name: string, values?: object): Promise<number>;
  stop(): Promise<void>;
}

export async function startHarborApi({ url, admin }: Server): Promise<HarborApi> {
  const child = spawn(pathOf('harborapi'), [program, `${url}/api/v2.0`, admin.username]);
  let said = '';
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  child.stdin.on('error', () => undefined); // what it said is told with the answer that does not come
  child.stdin.write(`${admin.password}\n`);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();

  async function ask(name: string, values: object): Promise<Answer> {
    child.stdin.write(`${JSON.stringify({ call: name, with: values })}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`harborapi ended at ${name}\n${said}`);
    return JSON.parse(value) as Answer;
  }

  return {
    async call<T>(name: string, values = {}) {
      const answer = await ask(name, values);
      if ('value' in answer) return answer.value as T;
      throw new Error(`${name} ${JSON.stringify(values)}\n${answer.message}`);
    },
    async refused(name, values = {}) {
      const answer = await ask(name, values);
      if ('status' in answer) return answer.status;
      throw new Error(`${name} ${JSON.stringify(values)}\nwas not refused`);
    },
    stop: endWithTests(async () => {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, 'exit');
    }),
  };
}
