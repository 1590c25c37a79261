import { readConfig } from '../platform/config/index.ts';
import { startServer, type RunningServer } from '../server/process/primary.ts';
import type { Command } from './command.ts';
import { welcome } from './welcome.ts';

export const serverCommand: Command = {
  name: 'server',
  summary: 'run the registry on this machine',

  async run() {
    const { promise: stopped, resolve } = Promise.withResolvers<number>();
    const running: { server?: RunningServer; signals: number } = { signals: 0 };
    const stop = () => void running.server?.stop().then(() => resolve(0));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        running.signals += 1;
        if (running.signals > 1) running.server?.stopNow();
        else stop();
      });
    }
    const begin = performance.now();
    running.server = await startServer(readConfig());
    // A signal may have come while it started.
    if (running.signals > 0) stop();
    else console.error(welcome(running.server, (performance.now() - begin) / 1000));
    process.exit(await stopped);
  },
};
