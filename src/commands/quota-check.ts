import { correctUsage, listDrifts, type Drift } from '../features/quotas/index.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { readConfig, toConfig } from '../platform/config/index.ts';
import { migrate } from '../platform/db/migrate.ts';
import type { Command } from './command.ts';
import { withDatabase } from './with-database.ts';

export const quotaCheck: Command = {
  name: 'quota check',
  summary: 'compare the usage that is counted of each project with what is stored',
  options: {
    fix: { type: 'boolean', summary: 'count what is stored, where they differ' },
  },

  async run({ options }) {
    return withDatabase(toConfig(readConfig()), async (db) => {
      await migrate(db);
      const drifts = await listDrifts(db);
      for (const drift of drifts) {
        console.log(describe(drift));
        if (options.fix === true) await correctUsage(db, drift);
      }
      const outcome = options.fix === true ? 'corrected' : 'wrong';
      console.log(`Projects ${outcome}: ${drifts.length}`);
      return drifts.length === 0 || options.fix === true ? 0 : 1;
    });
  },
};

function describe({ project_name, project_id, counted, actual }: Drift): string {
  const of = (bytes: number) => `${bytes} bytes (${formatBytes(bytes)})`;
  return `${project_name} (${project_id}): counted ${of(counted)}, stored ${of(actual)}`;
}
