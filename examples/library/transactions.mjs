import { errorClass, openTradingDatabase } from 'tradedb';

const db = openTradingDatabase(process.argv[2] ?? 'engine.db', { create: true, busyTimeout: '5s' });

db.tx((t) => t.exec('CREATE TABLE cash (account TEXT PRIMARY KEY, cents INTEGER NOT NULL CHECK (cents >= 0))'));
db.tx((t) => {
  t.run('INSERT INTO cash VALUES (?, ?)', ['alpha', 10_000]);
  t.run('INSERT INTO cash VALUES (?, ?)', ['beta', 0]);
});

/** The function may run again when another process was in the way: it only touches the database. */
function move(from, to, cents) {
  return db.tx(
    (t) => {
      t.run('UPDATE cash SET cents = cents - ? WHERE account = ?', [cents, from]);
      t.run('UPDATE cash SET cents = cents + ? WHERE account = ?', [cents, to]);
      return t.value('SELECT cents FROM cash WHERE account = ?', [to]);
    },
    { name: 'move-cash', deadlineMs: 2000 },
  );
}

console.log('beta has', move('alpha', 'beta', 2500));

try {
  move('beta', 'alpha', 9999);
} catch (error) {
  console.log(errorClass(error), error.code, error.details.sqliteCode);
}

// A tx inside a tx is a savepoint: its failure undoes its own writes alone.
db.tx((t) => {
  t.run("INSERT INTO cash VALUES ('gamma', 1)");
  try {
    t.tx(() => move('alpha', 'gamma', 1_000_000));
  } catch {
    t.run("INSERT INTO cash VALUES ('delta', 2)");
  }
});
console.log(db.query('SELECT account, cents FROM cash ORDER BY account').all());

await db.close();
