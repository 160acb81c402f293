// Commits groups of 20 rows without end and reports the number of each group after its promise resolved.
// argv: database.
import { openTradingDatabase } from '../../dist/index.js';

const database = openTradingDatabase(process.argv[2] ?? '', { create: true, groupCommit: { maxOperations: 20 } });
database.tx((t) => t.exec('CREATE TABLE fills (id INTEGER PRIMARY KEY, note TEXT UNIQUE, qty INTEGER)'));
for (let group = 1; ; group++) {
  const rows = Array.from({ length: 20 }, (_, index) =>
    database.enqueue((t) => t.run('INSERT INTO fills (note, qty) VALUES (?, ?)', [`${group}-${index}`, group])),
  );
  await Promise.all(rows);
  process.send?.(group);
}
