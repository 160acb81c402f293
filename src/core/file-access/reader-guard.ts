import { registerHooks } from 'node:module';

/**
 * Makes any import of an SQLite binding fail in this process. A reader child opens live database files as bytes, and
 * closing such a descriptor drops every SQLite lock of its process; so SQLite must never be there.
 */
export function refuseSqlite(): void {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (/(^|\/)better-sqlite3($|\/)|^(node:)?sqlite$/.test(specifier)) {
        throw new Error(`a reader process must not load SQLite (${specifier})`);
      }
      return nextResolve(specifier, context);
    },
  });
}
