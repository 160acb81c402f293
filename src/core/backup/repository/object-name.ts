import { createHash } from 'node:crypto';
import type { Clock, Random } from '../../context.ts';

/** Names of the objects of a repository (docs/formats/repository.md). */

export const formatKey = 'FORMAT';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** Folder name of a database: readable, and the same for every backup that uses this label. */
export function databaseIdOf(label: string): string {
  const readable = label
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-.]+/, '')
    .slice(0, 40);
  return `${readable === '' ? 'database' : readable}-${createHash('sha256').update(label).digest('hex').slice(0, 8)}`;
}

/** `20260314T0200Z-7f3k`: the minute, and four characters that make it unique. */
export function newPointId(clock: Clock, random: Random): string {
  const time = new Date(clock.wallTime()).toISOString();
  const suffix = [...random.bytes(4)].map((byte) => alphabet[byte % 32]).join('');
  return `${time.slice(0, 16).replaceAll(/[-:]/g, '')}Z-${suffix}`;
}

export function databaseKey(databaseId: string): string {
  return `db/${databaseId}/database.json`;
}

export function pointFolder(databaseId: string, pointId: string): string {
  return `db/${databaseId}/points/${pointId}`;
}

export function packKey(databaseId: string, pointId: string, name: string): string {
  return `${pointFolder(databaseId, pointId)}/${name}.pack`;
}

export function pageIndexKey(databaseId: string, pointId: string, name: string): string {
  return `${pointFolder(databaseId, pointId)}/${name}.pages`;
}

export function manifestKey(databaseId: string, pointId: string, digest: string): string {
  return `${pointFolder(databaseId, pointId)}/manifest-${digest}.json`;
}

export function tombstoneKey(databaseId: string, pruneId: string): string {
  return `db/${databaseId}/tombstones/${pruneId}.json`;
}

/** The parts of a manifest's key; undefined for every other key. */
export function parseManifestKey(key: string): { databaseId: string; pointId: string; digest: string } | undefined {
  const match = /^db\/([^/]+)\/points\/([^/]+)\/manifest-([0-9a-f]{64})\.json$/.exec(key);
  return match === null ? undefined : { databaseId: match[1] ?? '', pointId: match[2] ?? '', digest: match[3] ?? '' };
}
