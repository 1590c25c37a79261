import { batchQuery, type BatchedStatement } from './batched-query.ts';
import { openPool, type ConnectOptions, type DatabaseAddress } from './connect.ts';

/** Look-ups of the pull path. They have connections of their own, so that nothing slow stands before them. */
export interface Lookups {
  /**
   * A function that finds the row of one key, joined with all that ask in the same moment. For the same
   * statement it is the same function.
   */
  batch<Key, Row extends object>(
    statement: BatchedStatement<Key>,
  ): (key: Key) => Promise<Row | undefined>;
  destroy(): Promise<void>;
}

/** Always by index, however small or unknown the tables are to the planner, and planned once. */
const SETTINGS = {
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_bitmapscan: 'off',
  plan_cache_mode: 'force_generic_plan',
  jit: 'off',
};
const TIMEOUT_MS = 10_000;

export function openLookups(
  address: DatabaseAddress,
  options: Omit<ConnectOptions, 'statementTimeoutMs'>,
): Lookups {
  const { maxWaiting = Infinity, ...poolOptions } = options;
  const pool = openPool(address, {
    ...poolOptions,
    statementTimeoutMs: TIMEOUT_MS,
    settings: SETTINGS,
  });
  const opened = new Map<unknown, unknown>();
  return {
    batch<Key, Row extends object>(statement: BatchedStatement<Key>) {
      const find = opened.get(statement) ?? batchQuery<Key, Row>(pool, statement, maxWaiting);
      opened.set(statement, find);
      return find as (key: Key) => Promise<Row | undefined>;
    },
    destroy: () => pool.end(),
  };
}
