import { describeError } from '../lib/describe-error.ts';
import { ConfigError } from '../platform/config/index.ts';
import { commands } from './index.ts';

/** Runs the command that the words name and answers the exit code. What goes wrong is told in a sentence. */
export async function runCommandLine(words: string[]): Promise<number> {
  try {
    return await run(words);
  } catch (error) {
    const kind = error instanceof ConfigError ? 'configuration' : 'roadstead';
    console.error(`${kind}: ${describeError(error)}`);
    return 1;
  }
}

async function run(words: string[]): Promise<number> {
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
  if (rest.includes('--help') || rest.includes('-h')) {
    console.log(`roadstead ${command.name}: ${command.summary}`);
    return 0;
  }
  if (rest.length > 0) {
    console.error(`roadstead ${command.name}: "${rest.join(' ')}" is not understood`);
    return 2;
  }
  return command.run();
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
