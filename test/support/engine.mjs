// An engine with the library that writes its statistics: argv = database [readers]. Says "ready" on stdout and works
// until killed. With a number of readers it keeps more long reads waiting than they can take.
import { setTimeout as sleep } from 'node:timers/promises';
import { openTradingDatabase } from '../../dist/index.js';

const [path = '', readers] = process.argv.slice(2);
const db = openTradingDatabase(path, {
  create: true,
  statistics: true,
  backgroundReaders: { size: Number(readers ?? 1) },
});
const longRead =
  'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT sum(i) FROM n';
let waiting = 0;
async function readLong() {
  waiting += 1;
  await db.background.all(longRead);
  waiting -= 1;
}
db.tx((t) => t.exec('CREATE TABLE IF NOT EXISTS ticks (id INTEGER PRIMARY KEY, body TEXT)'));
const count = db.query('SELECT count(*) FROM ticks', { cache: true });
process.stdout.write('ready\n');
for (;;) {
  db.tx((t) => t.run('INSERT INTO ticks (body) VALUES (?)', ['x']), { name: 'tick.insert' });
  try {
    db.tx(
      () => {
        throw new Error('refused');
      },
      { name: 'tick.refuse' },
    );
  } catch {
    // It is meant to fail.
  }
  db.read((snapshot) => snapshot.get('SELECT 1'), { name: 'tick.look' });
  for (let ask = 0; ask < 3; ask += 1) count.value();
  await db.enqueue((t) => t.run('INSERT INTO ticks (body) VALUES (?)', ['y']));
  if (readers === undefined) {
    await db.background.all('SELECT id FROM ticks WHERE id <= 5 AND length(hex(randomblob(100000))) > 0');
  } else {
    while (waiting < Number(readers) + 3) void readLong();
  }
  await sleep(20);
}
