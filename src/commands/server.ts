import { readConfig } from '../platform/config/index.ts';
import { startServer, type RunningServer } from '../server/process/primary.ts';
import type { Command } from './command.ts';
import { welcome } from './welcome.ts';

export const serverCommand: Command = {
  name: 'server',
  summary: 'run the registry on this machine',

  async run() {
    const { promise: stopped, resolve } = Promise.withResolvers<number>();
    let server: RunningServer | undefined;
    let signals = 0;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        signals += 1;
        if (signals > 1) server?.stopNow();
        else void server?.stop().then(() => resolve(0));
      });
    }
    const begin = performance.now();
    server = await startServer(readConfig());
    // A signal that came while it started.
    if (signals > 0) void server.stop().then(() => resolve(0));
    console.error(welcome(server, (performance.now() - begin) / 1000));
    const code = await stopped;
    process.exit(code);
  },
};
