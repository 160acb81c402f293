import { createHash } from 'node:crypto';
import type { SchemaObject } from './introspect.ts';
import { foldName, normaliseSql } from './normalise.ts';

/** sha256 in hexadecimal over the normalised objects; their order and their spelling do not matter. */
export function schemaDigest(objects: readonly SchemaObject[]): string {
  const lines = objects.map((object) => `${object.type}\0${foldName(object.name)}\0${normaliseSql(object.sql)}\n`);
  const hash = createHash('sha256');
  for (const line of lines.sort()) hash.update(line);
  return hash.digest('hex');
}
