import { describe, expect, test } from 'vitest';
import { chainOf } from '../../../src/core/backup/wal-archive/chain.ts';
import type { StoredSegment } from '../../../src/core/backup/wal-archive/segment-format.ts';

/** A segment by name, with what its header says; `merged` for one that takes the place of others. */
interface Known extends StoredSegment {
  readonly names: string | null;
}

function segment(digest: string, firstTx: number, lastTx: number, names: string | null, merged?: string): Known {
  return { digest, firstTx, lastTx, names, merged: merged ?? null, sizeBytes: 1, modifiedMs: 0 };
}

async function chain(segments: readonly Known[]): Promise<{ digests: string[]; read: string[] }> {
  const read: string[] = [];
  const found = await chainOf(segments, async (one) => {
    read.push(one.digest);
    return (one as Known).names;
  });
  return { digests: found.map(({ digest }) => digest), read };
}

describe('the chain of segments', () => {
  const a = segment('a', 1, 10, null);

  test('follows numbers where they leave no choice, without reading anything', async () => {
    const c = segment('c', 21, 30, 'b');
    const b = segment('b', 11, 20, 'a');
    expect(await chain([c, a, b])).toEqual({ digests: ['a', 'b', 'c'], read: [] });
    expect((await chain([a, c])).digests).toEqual(['a']);
    expect((await chain([b, c])).digests).toEqual([]);
    expect((await chain([])).digests).toEqual([]);
  });

  test('of two segments with the same commits takes the one that the next one names', async () => {
    const rivals = [segment('b1', 11, 15, 'a'), segment('b2', 11, 15, 'a')];
    for (const [winner, loser] of [
      ['b1', 'b2'],
      ['b2', 'b1'],
    ]) {
      const next = segment('c', 16, 20, winner as string);
      const { digests, read } = await chain([a, ...rivals, next]);
      expect(digests).toEqual(['a', winner, 'c']);
      expect(digests).not.toContain(loser);
      expect(read).toEqual(['c']);
    }
  });

  test('of two archivers at once takes the longer history, whatever the lengths of its segments', async () => {
    const short = [segment('b1', 11, 18, 'a')];
    const long = [segment('c1', 11, 12, 'a'), segment('c2', 13, 18, 'c1'), segment('c3', 19, 22, 'c2')];
    expect((await chain([a, ...short, ...long])).digests).toEqual(['a', 'c1', 'c2', 'c3']);
    const longer = segment('b2', 19, 40, 'b1');
    expect((await chain([a, ...short, ...long, longer])).digests).toEqual(['a', 'b1', 'b2']);
  });

  test('leaves out what names a segment that is not there', async () => {
    const rivals = [segment('b1', 11, 15, 'a'), segment('b2', 11, 15, 'a')];
    const stranger = segment('c', 16, 20, 'somebody');
    expect((await chain([a, ...rivals, stranger])).digests).toEqual(['a', 'b1']);
  });

  test('prefers single commits, and takes merged ones where those are not all there', async () => {
    const b = segment('b', 11, 20, 'a');
    const c = segment('c', 21, 30, 'b');
    const merged = segment('m', 1, 20, null, 'b');
    expect(await chain([a, b, c, merged])).toEqual({ digests: ['a', 'b', 'c'], read: [] });
    expect(await chain([a, c, merged])).toEqual({ digests: ['m', 'c'], read: [] });
    expect(await chain([b, c, merged])).toEqual({ digests: ['m', 'c'], read: [] });
    const second = segment('n', 21, 30, 'b', 'c');
    expect((await chain([merged, second, segment('d', 31, 31, 'c')])).digests).toEqual(['m', 'n', 'd']);
  });
});
