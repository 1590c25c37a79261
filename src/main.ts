#!/usr/bin/env node
/** `roadstead <command>`: refuses a Node that it was not made for, then runs the command. */
const MAJOR = 26;
const { node } = process.versions;

if (Number(node.split('.')[0]) === MAJOR) {
  // Only now: another Node could not even load it, and would say so in its own words.
  const { runCommandLine } = await import('./commands/run.ts');
  process.exitCode = await runCommandLine(process.argv.slice(2));
} else {
  console.error(
    `roadstead runs on Node ${MAJOR}, this is ${node}. Use: npm start, or bin/roadstead`,
  );
  process.exitCode = 1;
}
