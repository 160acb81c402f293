import type { RawDatabase } from './driver.ts';

/**
 * The driver's object behind a connection, for this room alone: what it can do (leave defensive mode, copy pages) must
 * not be a public method. A test keeps other rooms from importing this file.
 */
const handles = new WeakMap<object, RawDatabase>();

export function keepRawHandle(connection: object, raw: RawDatabase): void {
  handles.set(connection, raw);
}

export function rawHandle(connection: object): RawDatabase {
  const raw = handles.get(connection);
  if (raw === undefined) throw new TypeError('not a connection of this room');
  return raw;
}
