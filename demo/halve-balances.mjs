import { openTradingDatabase } from '../dist/index.js';

/** The slip of the day: an UPDATE without its WHERE. Gives the number of rows it changed. */
export function halveBalances(path) {
  const db = openTradingDatabase(path);
  try {
    return db.tx((t) => t.run('UPDATE balances SET amount = amount / 2, held = 0').changes);
  } finally {
    db.close();
  }
}
