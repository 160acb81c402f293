// Leaves a hot journal: argv = database in rollback-journal mode. Changes more rows than the cache holds, so that half of the
// transaction is in the file, and dies.
import Database from 'better-sqlite3';

const db = new Database(process.argv[2]);
db.pragma('cache_size = 10');
db.exec("BEGIN; UPDATE trade SET note = note || ' changed by a transaction that never ended', qty = qty + 1");
process.kill(process.pid, 'SIGKILL');
