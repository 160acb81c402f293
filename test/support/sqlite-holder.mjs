// A second process that holds locks: argv = database, what ('read' | 'write' | 'idle'). Says "ready" on stdout.
import Database from 'better-sqlite3';

const [path, what] = process.argv.slice(2);
const db = new Database(path);
if (what === 'read') {
  db.exec('BEGIN');
  db.prepare('SELECT count(*) FROM sqlite_schema').get();
} else if (what === 'write') {
  db.exec('BEGIN IMMEDIATE');
} else {
  db.prepare('SELECT count(*) FROM sqlite_schema').get();
}
process.stdout.write('ready\n');
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
