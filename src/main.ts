#!/usr/bin/env node
/** `roadstead <command>`: finds the command and runs it. */
import { commands } from './commands/index.ts';
import { ConfigError } from './platform/config/index.ts';

const MAJOR = 26;

async function main(words: string[]): Promise<number> {
  if (Number(process.versions.node.split('.')[0]) !== MAJOR) {
    console.error(
      `roadstead runs on Node ${MAJOR}, this is ${process.versions.node}. Use: npm start, or bin/roadstead`,
    );
    return 1;
  }
  const command = commands.find(({ name }) =>
    name.split(' ').every((word, i) => words[i] === word),
  );
  if (command === undefined) {
    const isHelp = ['help', '--help', '-h'].includes(words[0] ?? 'help');
    if (!isHelp) console.error(`roadstead: there is no command "${words.join(' ')}"\n`);
    (isHelp ? console.log : console.error)(usage());
    return isHelp ? 0 : 2;
  }
  const rest = words.slice(command.name.split(' ').length);
  if (rest.includes('--help')) {
    console.log(`roadstead ${command.name}: ${command.summary}`);
    return 0;
  }
  return command.run(rest);
}

function usage(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    'Usage: roadstead <command>',
    '',
    ...lines,
    '',
    'Configuration: docs/configuration.md',
  ].join('\n');
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(
    error instanceof ConfigError ? `configuration: ${error.message}` : (error as Error).message,
  );
  process.exitCode = 1;
}
