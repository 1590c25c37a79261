import { readConfig, toConfig } from '../platform/config/index.ts';
import { checkConfig } from '../server/process/check-config.ts';
import type { Command } from './command.ts';

export const configCheck: Command = {
  name: 'config check',
  summary: 'say whether the configuration is right, without starting anything',

  async run() {
    await checkConfig(toConfig(readConfig()));
    console.log('The configuration is right.');
    return 0;
  },
};
