import { closeSync, openSync, writeSync } from 'node:fs';
import { TradedbError } from '../../error.ts';
import { fingerprintBytes, fingerprintsOf } from '../../file-format/page-fingerprint.ts';
import type { ChunkContent, ChunkOutcome, ChunkTask } from './chunk-task.ts';
import { decode } from './codec.ts';
import { pageAt, pageCountOf, sha256 } from './pack-format.ts';

/** Checks a chunk, and writes its pages when asked to. Nothing is written of a chunk that is damaged. */
export function checkChunk(task: ChunkTask, files: OutputFiles): ChunkOutcome {
  const storedDigest = sha256(task.stored);
  if (Buffer.compare(storedDigest, task.sha256Stored) !== 0) return { problem: 'stored_digest' };
  const { content } = task;
  if (content === undefined) return null;
  let plain: Uint8Array;
  try {
    plain = decode(task.stored, task.codec, task.plainBytes);
  } catch (error) {
    if (error instanceof TradedbError) return { problem: 'undecodable' };
    throw error;
  }
  // Stored as it is: the digest of the stored bytes was checked a moment ago.
  const plainDigest = plain === task.stored ? storedDigest : sha256(plain);
  if (Buffer.compare(plainDigest, task.sha256Plain) !== 0) return { problem: 'content_digest' };
  const selected = content.selected ?? Array.from({ length: pageCountOf(content.pages) }, (_, index) => index);
  const wrong = content.expected === null ? undefined : firstDifference(plain, content, selected, content.expected);
  if (wrong !== undefined) return { problem: 'fingerprint', page: wrong };
  if (content.writeTo !== null) writePages(plain, content, selected, files.descriptor(content.writeTo));
  return null;
}

function firstDifference(
  plain: Uint8Array,
  content: ChunkContent,
  selected: readonly number[],
  expected: Uint8Array,
): number | undefined {
  const found = fingerprintsOf(plain, content.pageSizeBytes);
  for (const [slot, index] of selected.entries()) {
    const a = found.subarray(index * fingerprintBytes, (index + 1) * fingerprintBytes);
    const b = expected.subarray(slot * fingerprintBytes, (slot + 1) * fingerprintBytes);
    if (Buffer.compare(a, b) !== 0) return pageAt(content.pages, index);
  }
  return undefined;
}

/** Neighbouring pages go out in one write. */
function writePages(plain: Uint8Array, content: ChunkContent, selected: readonly number[], descriptor: number): void {
  const size = content.pageSizeBytes;
  for (let start = 0; start < selected.length; ) {
    let end = start + 1;
    const first = selected[start] as number;
    const firstPage = pageAt(content.pages, first);
    while (
      end < selected.length &&
      selected[end] === first + (end - start) &&
      pageAt(content.pages, selected[end] as number) === firstPage + (end - start)
    ) {
      end++;
    }
    const bytes = plain.subarray(first * size, (first + end - start) * size);
    const offset = (firstPage - 1) * size;
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
    }
    start = end;
  }
}

/** Files that the tasks write to, opened once. */
export class OutputFiles {
  readonly #open = new Map<string, number>();

  descriptor(path: string): number {
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const opened = openSync(path, 'r+');
    this.#open.set(path, opened);
    return opened;
  }

  close(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }
}
