import { parseArgs } from 'node:util';

import type { Command, CommandLine } from './command.ts';

/** What a person gave a command; a text when it is not understood. */
export function parseCommandLine(command: Command, words: string[]): CommandLine | string {
  const wanted = command.parameters ?? [];
  try {
    const { values, positionals } = parseArgs({
      args: words,
      options: { ...command.options },
      allowPositionals: true,
    });
    const extra = positionals.slice(wanted.length);
    if (extra.length > 0) return `"${extra.join(' ')}" is not understood`;
    // An empty one is a variable of a script that was not set.
    const missing = wanted.filter((_, index) => (positionals[index] ?? '') === '');
    if (missing.length > 0) return `${missing.join(' ')} is missing`;
    return { options: values, parameters: positionals };
  } catch (cause) {
    return `${(cause as Error).message.split('. ')[0]}`;
  }
}

export function describeCommand({ name, summary, options = {}, parameters = [] }: Command): string {
  const names = Object.entries(options).map(([option, { value }]) =>
    [`--${option}`, value].filter(Boolean).join(' '),
  );
  const width = Math.max(0, ...names.map(({ length }) => length));
  const lines = Object.values(options).map(
    (option, index) => `  ${names[index]!.padEnd(width)}  ${option.summary}`,
  );
  const usage = ['roadstead', name, ...parameters, ...(names.length > 0 ? ['[options]'] : [])];
  return [`${usage.join(' ')}: ${summary}`, ...lines].join('\n');
}
