// An engine with the library that writes its statistics: argv = database. Says "ready" on stdout and works until killed.
import { setTimeout as sleep } from 'node:timers/promises';
import { openTradingDatabase } from '../../dist/index.js';

const db = openTradingDatabase(process.argv[2], { create: true, statistics: true, backgroundReaders: { size: 1 } });
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
  await db.background.all('SELECT id FROM ticks WHERE id <= 5 AND length(hex(randomblob(100000))) > 0');
  await sleep(20);
}
