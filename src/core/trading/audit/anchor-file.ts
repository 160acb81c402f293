import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { fromFileSystem } from '../../error.ts';
import { makeFolder } from '../../make-folder.ts';
import { syncFolder } from '../../sync-folder.ts';
import type { Anchor, NotedAnchor } from './anchor.ts';

/**
 * A file of anchors, one JSON object a line with a checksum of itself. Lines are only ever appended, each with one write
 * and a flush; several databases may share a file.
 */

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const lineSchema = v.object({
  at: v.string(),
  host: v.string(),
  database: v.string(),
  chainStart: digest,
  seq: v.pipe(v.number(), v.integer(), v.minValue(1)),
  hash: digest,
  by: v.string(),
  reason: v.optional(v.string()),
  sum: digest,
});

const sumOf = /,"sum":"([0-9a-f]{64})"\}$/;

/** Throws what the file system says, and nothing for a file that is not there yet. */
export function readAnchors(path: string): { anchors: NotedAnchor[]; unreadable: number[] } {
  const anchors: NotedAnchor[] = [];
  const unreadable: number[] = [];
  if (!existsSync(path)) return { anchors, unreadable };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const anchor = parse(line);
    if (anchor === undefined) unreadable.push(index + 1);
    else anchors.push({ anchor, place: `line ${index + 1}` });
  }
  return { anchors, unreadable };
}

function parse(line: string): Anchor | undefined {
  const sum = sumOf.exec(line)?.[1];
  if (sum === undefined || checksum(line.replace(sumOf, '}')) !== sum) return undefined;
  const parsed = v.safeParse(lineSchema, JSON.parse(line));
  if (!parsed.success) return undefined;
  const { sum: _, reason, ...anchor } = parsed.output;
  return reason === undefined ? anchor : { ...anchor, reason };
}

/** Durable when it returns. */
export function appendAnchor(path: string, anchor: Anchor): void {
  const body = JSON.stringify(anchor);
  const line = `${body.slice(0, -1)},"sum":"${checksum(body)}"}\n`;
  const isNew = !existsSync(path);
  makeFolder(dirname(path));
  try {
    const file = openSync(path, 'a+', 0o600);
    try {
      // Behind half a line, which a loss of power can leave, this one begins a line of its own.
      const bytes = Buffer.from(endsWithinLine(file) ? `\n${line}` : line);
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (isNew) syncFolder(dirname(path));
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

function endsWithinLine(file: number): boolean {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
