// Applies migrations and prints whether knex was loaded: arguments are the built core, folder and database.
import { createRequire } from 'node:module';
import { builtCore } from './built-core.mjs';

const [dist, directory, path] = process.argv.slice(2);
const { load, context } = await builtCore(dist);
const { applyMigrations, requireApplied } = await load('core/migration/up.js');
const { openForMigration } = await load('core/migration/open.js');
const { folderSource } = await load('core/migration/source-folder.js');
const connection = await openForMigration(path, { create: true, lockTimeoutMs: 5000 }, context);
requireApplied(
  await applyMigrations({ connection, source: folderSource(directory), tool: 'test', lockTimeoutMs: 5000 }, context),
);
connection.close();
const loaded = Object.keys(createRequire(import.meta.url).cache).some((file) =>
  /[\\/]node_modules[\\/]knex[\\/]/.test(file),
);
process.stdout.write(JSON.stringify(loaded));
