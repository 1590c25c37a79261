import type { Addition, Source } from './addition.ts';
import { readBuildHistory } from './build-history.ts';
import { readChartReadme, readDependencies, readValues } from './chart.ts';
import { listFiles, readLicense, readModelReadme } from './model.ts';
import { readSbom } from './sbom.ts';

export type { Addition, Source } from './addition.ts';

export const ADDITION_NAMES = [
  'build_history',
  'values.yaml',
  'readme.md',
  'dependencies',
  'sbom',
  'license',
  'files',
] as const;
export type AdditionName = (typeof ADDITION_NAMES)[number];

type Readers = Partial<Record<AdditionName, (source: Source) => Promise<Addition>>>;

/** What can be asked for besides, by the type of the artifact. */
const READERS: Readonly<Record<string, Readers>> = {
  IMAGE: { build_history: readBuildHistory },
  WASM: { build_history: readBuildHistory },
  CHART: {
    'values.yaml': readValues,
    'readme.md': readChartReadme,
    dependencies: readDependencies,
  },
  CNAI: { 'readme.md': readModelReadme, license: readLicense, files: listFiles },
  SBOM: { sbom: readSbom },
};

interface Typed {
  type: string;
  kind: 'image' | 'index';
}

/** An index has none: what it lists has. */
const readersOf = ({ type, kind }: Typed): Readers =>
  kind === 'index' || !Object.hasOwn(READERS, type) ? {} : READERS[type]!;

export const listAdditions = (artifact: Typed): string[] => Object.keys(readersOf(artifact));

export function findAddition(artifact: Typed, name: AdditionName) {
  return readersOf(artifact)[name];
}
