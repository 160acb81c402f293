// Writes every statement of a better-sqlite3 Database or a node:sqlite DatabaseSync to a capture file for
// `tradedb analyze`. Call it once per process:
//
//   capture(db, `capture-${process.pid}.jsonl`);
//
// The file holds the values of your statements: it is made readable for you alone. Values that are given to .bind() are
// not seen.
import { openSync, writeSync } from 'node:fs';

const pragmas =
  'synchronous,journal_mode,foreign_keys,busy_timeout,cache_size,mmap_size,temp_store,locking_mode,wal_autocheckpoint';

export function capture(db, path) {
  const log = openSync(path, 'a', 0o600);
  const line = (entry) => writeSync(log, `${JSON.stringify(entry)}\n`);
  const probe = db.prepare("SELECT sqlite_version() AS v, sqlite_compileoption_used('ENABLE_STAT4') AS s");
  const { v, s } = probe.get();
  const settings = pragmas.split(',').map((name) => [name, db.prepare(`PRAGMA ${name}`).get()]);
  const known = settings
    .filter(([, row]) => row !== undefined)
    .map(([name, row]) => [name, String(Object.values(row)[0])]);
  line({
    tradedbCapture: 1,
    engine: 'node',
    sqliteVersion: v,
    stat4: Number(s) === 1,
    pragmas: Object.fromEntries(known),
  });
  const statement = Object.getPrototypeOf(probe);
  for (const method of ['run', 'get', 'all', 'iterate']) {
    const original = statement[method];
    statement[method] = function (...values) {
      const started = performance.now();
      try {
        return original.apply(this, values);
      } finally {
        line({ sql: this.source ?? this.sourceSQL, params: packed(values), ms: performance.now() - started });
      }
    };
  }
}

/** better-sqlite3 takes a list or an object as its one argument, both take values one by one. */
function packed(values) {
  const [first] = values;
  if (values.length === 1 && Array.isArray(first)) return first.map(pack);
  const isNamed = typeof first === 'object' && first !== null && !ArrayBuffer.isView(first);
  if (!isNamed) return values.map(pack);
  return Object.fromEntries(Object.entries(first).map(([name, value]) => [name, pack(value)]));
}

function pack(value) {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  if (typeof value === 'bigint') return { $int: String(value) };
  if (ArrayBuffer.isView(value))
    return { $blob: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
  return { $text: String(value) };
}
