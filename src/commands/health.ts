import { readConfig, toConfig } from '../platform/config/index.ts';
import { askOwnServer } from '../platform/http/ask-own-server.ts';
import type { Command } from './command.ts';

/** More than the server itself gives its database and its store. */
const TIMEOUT_MS = 8000;

export const healthCommand: Command = {
  name: 'health',
  summary: 'ask the server on this machine whether it is healthy; for health checks of containers',

  async run() {
    const config = toConfig(readConfig());
    const { status, body } = await askOwnServer(config, '/api/v2.0/health', TIMEOUT_MS);
    console.log(body);
    return status === 200 ? 0 : 1;
  },
};
