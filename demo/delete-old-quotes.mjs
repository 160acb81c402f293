import { openTradingDatabase } from '../dist/index.js';

/** Deletes the older half of the quotes in batches, as a retention job would. Gives the number of rows. */
export function deleteOldQuotes(path) {
  const db = openTradingDatabase(path);
  try {
    const middle = db.read((r) => r.value('SELECT (min(ts_us) + max(ts_us)) / 2 FROM quotes'));
    let deleted = 0;
    for (;;) {
      const batch = db.tx((t) => t.run('DELETE FROM quotes WHERE (instrument_id, ts_us, seq) IN (SELECT instrument_id, ts_us, seq FROM quotes WHERE ts_us < ? LIMIT 5000)', [middle]).changes);
      deleted += batch;
      if (batch === 0) return deleted;
    }
  } finally {
    db.close();
  }
}
