// A second process that holds a lock on a database until it is told to let go.
// argv: database, statements separated by ";;", folder for the signal files `held`, `release`, `released`.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

const [path = '', statements = '', folder = ''] = process.argv.slice(2);
const database = new Database(path, { timeout: 5000 });
for (const sql of statements.split(';;')) {
  const statement = database.prepare(sql);
  if (statement.reader) statement.all();
  else statement.run();
}
writeFileSync(join(folder, 'held'), '');

const timer = setInterval(() => {
  if (!existsSync(join(folder, 'release'))) return;
  clearInterval(timer);
  if (database.inTransaction) database.exec('ROLLBACK');
  database.close();
  writeFileSync(join(folder, 'released'), '');
}, 1);
