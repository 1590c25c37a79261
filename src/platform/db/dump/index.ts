export { inLongTransaction, type LongTransaction } from './long-transaction.ts';
export { copyTable, loadTables } from './load.ts';
export { isEmptyDatabase, readShape } from './shape.ts';
