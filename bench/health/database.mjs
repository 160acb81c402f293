// The database of the health benches: one table with two indexes, closed when it returns.
import Database from 'better-sqlite3';

export function buildDatabase(path, megabytes) {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = OFF');
  db.exec(`CREATE TABLE orders (id INTEGER PRIMARY KEY, symbol TEXT, qty INTEGER, price REAL, note TEXT, at INTEGER);
    CREATE INDEX orders_symbol ON orders(symbol, at); CREATE INDEX orders_at ON orders(at)`);
  const insert = db.prepare('INSERT INTO orders (symbol, qty, price, note, at) VALUES (?, ?, ?, ?, ?)');
  db.transaction(() => {
    for (let row = 0; row < megabytes * 8900; row++) {
      insert.run(`S${(row * 7919) % 500}`, row % 1000, row / 7, `note number ${row} and some more text`, row * 1000);
    }
  })();
  db.close();
}

export const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
