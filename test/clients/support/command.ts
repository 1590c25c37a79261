import { spawn } from 'node:child_process';

import { pathOf } from './needs.ts';

export interface RunOptions {
  env?: NodeJS.ProcessEnv | undefined;
  cwd?: string;
  input?: string;
  timeoutMs?: number;
}

export interface Outcome {
  code: number | null;
  stdout: string;
  /** Both streams as they came. */
  output: string;
}

/** Runs a client's command; gives what it printed, or throws with all it said. */
export async function run(
  client: string,
  args: string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, output } = await attempt(client, args, options);
  if (code !== 0) throw new Error(`${client} ${args.join(' ')}\nexit code ${code}\n${output}`);
  return stdout.trim();
}

/** Runs a command that must fail; gives what it said about it. */
export async function refused(
  client: string,
  args: string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, output } = await attempt(client, args, options);
  if (code === 0) throw new Error(`${client} ${args.join(' ')}\nwas not refused\n${output}`);
  return output;
}

export async function attempt(
  client: string,
  args: string[],
  { env, cwd, input, timeoutMs = 120_000 }: RunOptions = {},
): Promise<Outcome> {
  const child = spawn(pathOf(client), args, { cwd, env: { ...process.env, ...env } });
  let stdout = '';
  let output = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
    output += String(chunk);
  });
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  child.stdin.on('error', () => undefined); // a client may end without reading it
  child.stdin.end(input);
  const timer = setTimeout(() => {
    output += `\nstill running after ${timeoutMs} ms: ended\n`;
    child.kill('SIGKILL');
  }, timeoutMs);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    return { code, stdout, output };
  } finally {
    clearTimeout(timer);
  }
}
