import type { Case } from './cases/case.ts';
import { median, type Measurements, type Result } from './measure.ts';
import type { Peer, PeerName } from './peers/peer.ts';

/** Three digits are more than such a measurement is worth. */
function format(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Median, and how far the rounds lie apart when that is more than a tenth. */
function formatMeasurements(measured: Measurements | undefined): string {
  if (measured === undefined) return '–';
  const { values } = measured;
  const middle = median(values);
  const least = Math.min(...values);
  const most = Math.max(...values);
  const spread = most - least > middle / 10 ? ` (${format(least)}–${format(most)})` : '';
  return format(middle) + spread;
}

/** How many times better we are. */
function ratioTo({ case: measured, byPeer }: Result, peer: PeerName): number | undefined {
  const [us, other] = [byPeer.get('us'), byPeer.get(peer)];
  if (us === undefined || other === undefined) return undefined;
  const ratio = median(us.values) / median(other.values);
  return measured.isLow === true ? 1 / ratio : ratio;
}

function formatRatio(result: Result, peer: PeerName): string {
  const ratio = ratioTo(result, peer);
  const target = result.case.targets?.[peer];
  if (ratio === undefined) return '–';
  const shown = `${ratio.toFixed(2)}×`;
  if (target === undefined) return shown;
  return `${shown} of ${target}× ${ratio >= target ? '✓' : '✗'}`;
}

function formatLimit({ case: { limit, unit }, byPeer }: Result): string {
  const us = byPeer.get('us');
  if (limit === undefined || us === undefined) return '';
  return `≤ ${limit} ${unit} ${median(us.values) <= limit ? '✓' : '✗'}`;
}

const row = (cells: string[]) => `| ${cells.join(' | ')} |`;

function makeTable(head: string[], rows: string[][]): string {
  return [row(head), row(head.map((_, n) => (n === 0 ? '---' : '--:'))), ...rows.map(row)].join(
    '\n',
  );
}

const titleOf = ({ title, unit }: Case) => `${title}, ${unit}`;

export function makeRatioTable(results: Result[], peers: Peer[]): string {
  const others = peers.filter(({ name }) => name !== 'us');
  return makeTable(
    ['', ...peers.map(({ name }) => name), ...others.map(({ name }) => `us ÷ ${name}`), 'limit'],
    results.map((result) => [
      titleOf(result.case),
      ...peers.map(({ name }) => formatMeasurements(result.byPeer.get(name))),
      ...others.map(({ name }) => formatRatio(result, name)),
      formatLimit(result),
    ]),
  );
}

/** Cores at work: of the server, the generator and everybody else. */
export function makeCpuTable(results: Result[], peers: Peer[]): string {
  const cell = (measured: Measurements | undefined) =>
    measured === undefined
      ? '–'
      : (['server', 'load', 'others'] as const)
          .map((who) => Math.max(0, median(measured.cores.map((cores) => cores[who]))).toFixed(2))
          .join(' + ');
  return makeTable(
    ['', ...peers.map(({ name }) => name)],
    results
      .filter(({ case: { isCold } }) => isCold !== true)
      .map((result) => [
        titleOf(result.case),
        ...peers.map(({ name }) => cell(result.byPeer.get(name))),
      ]),
  );
}

export interface Run {
  date: string;
  machine: string;
  stored: string;
  rounds: number;
  seconds: number;
}

export function makeReport(run: Run, results: Result[], peers: Peer[]): string {
  return `# Results

Written by \`npm run bench\`; [README.md](README.md) says what is measured and how to read it.

- ${run.date}; ${run.machine}
- ${run.stored}
- medians of ${run.rounds} rounds, in turn at each peer; small requests for ${run.seconds} s in each round
${peers.map(({ title, remark }) => `- ${title}: ${remark}`).join('\n')}

${makeRatioTable(results, peers)}

Cores at work, server + load generator + everybody else on this machine:

${makeCpuTable(results, peers)}
`;
}
