import { describeError } from '../lib/describe-error.ts';
import { ConfigError } from '../platform/config/index.ts';
import { commands } from './index.ts';
import { describeCommand, parseCommandLine } from './parse-command-line.ts';

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
    console.log(describeCommand(command));
    return 0;
  }
  const line = parseCommandLine(command, rest);
  if (typeof line === 'string') {
    console.error(`roadstead ${command.name}: ${line}\n\n${describeCommand(command)}`);
    return 2;
  }
  return command.run(line);
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
