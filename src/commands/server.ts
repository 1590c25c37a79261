import { readConfig } from '../platform/config/index.ts';
import { startServer, type RunningServer } from '../server/process/primary.ts';
import type { Command } from './command.ts';
import { welcome } from './welcome.ts';

export const serverCommand: Command = {
  name: 'server',
  summary: 'run the registry on this machine',

  async run() {
    const stopping = new AbortController();
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    let server: RunningServer | undefined;
    const receive = () => {
      if (stopping.signal.aborted) server?.stopNow();
      stopping.abort();
      resolve();
    };
    process.on('SIGINT', receive).on('SIGTERM', receive);
    const begin = performance.now();
    try {
      server = await startServer(readConfig(), stopping.signal);
    } catch (error) {
      // Ctrl-C ends the helpers of a start, too; that they failed is no news then.
      if (stopping.signal.aborted) return 0;
      throw error;
    }
    if (!stopping.signal.aborted) {
      console.error(welcome(server, (performance.now() - begin) / 1000));
    }
    await stopped;
    await server.stop();
    process.exit(0);
  },
};
