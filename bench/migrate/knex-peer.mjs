// The peer: knex's own migrator in a process of its own, on the same SQL. Arguments: action, database, folder.
import knex from 'knex';

const [action, filename, directory] = process.argv.slice(2);
const client = knex({
  client: 'better-sqlite3',
  connection: { filename },
  useNullAsDefault: true,
  migrations: { directory },
});
if (action === 'latest') await client.migrate.latest();
else if (action === 'list') {
  const [done] = await client.migrate.list();
  if (done.length === 0) throw new Error('knex lists nothing');
}
await client.destroy();
