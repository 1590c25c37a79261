#!/usr/bin/env node
/** `roadstead <command>`: refuses a Node that it was not made for, then runs the command. */
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const MAJOR = 26;
const { node } = process.versions;

if (Number(node.split('.')[0]) === MAJOR) {
  // Sources are stripped of their types and compiled once, not at each start: that takes time, and a compiler in memory.
  const cache = new URL('../node_modules/.cache/compiled', import.meta.url);
  module.enableCompileCache(fileURLToPath(cache));
  // Only now: another Node could not even load it, and would say so in its own words.
  const { runCommandLine } = await import('./commands/run.ts');
  process.exitCode = await runCommandLine(process.argv.slice(2));
} else {
  console.error(
    `roadstead runs on Node ${MAJOR}, this is ${node}. Use: npm start, or bin/roadstead`,
  );
  process.exitCode = 1;
}
