// Holds an exclusive lock on a rollback-journal database until its input ends. Prints "held" when it has it.
import Database from 'better-sqlite3';

const db = new Database(process.argv[2]);
db.exec('BEGIN EXCLUSIVE');
process.stdout.write('held\n');
process.stdin.resume();
process.stdin.on('end', () => {
  db.exec('ROLLBACK');
  db.close();
});
