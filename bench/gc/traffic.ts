import { setTimeout as sleep } from 'node:timers/promises';

import { Connection } from '../load/connection.ts';
import { pushImage } from '../load/push.ts';
import { PROJECT } from '../world.ts';

const PULLERS = 8;
const PUSHERS = 4;
/** Of each; together well below what the machine can do, so that time is measured and not room. */
const PULLS_PER_SECOND = 25;
const PUSHES_PER_SECOND = 2;

interface Wanted {
  port: number;
  authorization: string;
  /** What is pulled from: repositories with as many artifacts, as `../api/fill.ts` names them. */
  repositories: string[];
  artifacts: number;
}

/** Clients that pull and push at a steady rate until they are stopped. A request that fails fails `stop`. */
export function startTraffic({ port, authorization, repositories, artifacts }: Wanted) {
  const stopping = new AbortController();
  let times: number[] = [];
  let pushes = 0;
  const pick = (count: number) => Math.floor(Math.random() * count);

  async function pull(connection: Connection): Promise<void> {
    const repository = repositories[pick(repositories.length)]!;
    const manifest = `/v2/${repository}/manifests/v${1 + pick(artifacts)}.1`;
    const begin = performance.now();
    const { body } = await connection.expect(200, 'GET', manifest, { authorization });
    const { config } = JSON.parse(body.toString()) as { config: { digest: string } };
    const blob = `/v2/${repository}/blobs/${config.digest}`;
    await connection.expect(200, 'GET', blob, { authorization });
    times.push(performance.now() - begin);
  }

  async function repeat(perSecond: number, work: (connection: Connection) => Promise<void>) {
    const connection = await Connection.open(port);
    for (let due = performance.now(); !stopping.signal.aborted; due += 1000 / perSecond) {
      await sleep(Math.max(0, due - performance.now()));
      await work(connection);
    }
    connection.close();
  }

  const running = Promise.all([
    ...Array.from({ length: PULLERS }, () => repeat(PULLS_PER_SECOND, pull)),
    ...Array.from({ length: PUSHERS }, (_, number) =>
      repeat(PUSHES_PER_SECOND, async (connection) => {
        await pushImage({ connection, repository: `${PROJECT}/push${number}`, authorization });
        pushes += 1;
      }),
    ),
  ]);
  running.catch(() => stopping.abort());
  return {
    /** Milliseconds of each pull, manifest and blob, since the last call. */
    takeTimes(): number[] {
      const taken = times;
      times = [];
      return taken;
    },
    /** Answers how many images were pushed. */
    async stop(): Promise<number> {
      stopping.abort();
      await running;
      return pushes;
    },
  };
}
