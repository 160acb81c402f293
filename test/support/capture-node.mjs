// Runs a few statements through the capture snippet: node capture-node.mjs <better-sqlite3|node:sqlite> <capture file>.
import { capture } from '../../examples/capture/node.mjs';

const [engine, path] = process.argv.slice(2);
const { default: Database, DatabaseSync } = await import(engine);
const db = engine === 'node:sqlite' ? new DatabaseSync(':memory:') : new Database(':memory:');
capture(db, path);
db.exec('CREATE TABLE t(a, b)');
db.prepare('INSERT INTO t VALUES (?, ?)').run(2n ** 60n + 1n, Buffer.from([0, 255]));
db.prepare('INSERT INTO t VALUES (:a, :b)').run({ a: 'café\n', b: null });
if (db.prepare('SELECT count(*) AS n FROM t').get().n !== 2) process.exit(1);
