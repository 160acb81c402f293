import { catalog } from '../metrics/catalog.ts';
import { objectKey } from '../rates.ts';
import type { Sample } from '../sample.ts';
import type { Reading } from './rollup.ts';

/** Objects of one database whose writes are kept. */
const mostObjects = 20;
/** An object without a write for so long gives its place to one that is written to. */
const idleMs = 3_600_000;

const objectPrefix = 'object_written_frames_total ';

/** The name of the series of an object in the history. */
export function objectSeries(object: { readonly kind: string; readonly object: string }): string {
  return `${objectPrefix}${objectKey(object)}`;
}

/** What of a sample goes into the history: every series of the catalog, and the writes of the busiest objects. */
export class ReadingList {
  readonly #lastWrite = new Map<string, { atMs: number; frames: number }>();

  of(sample: Sample, atMs: number): Reading[] {
    const readings = catalog.flatMap(({ name, type, value }): Reading[] => {
      const now = value(sample);
      return now === null ? [] : [{ series: name, type, value: now, coarse: false }];
    });
    for (const entry of sample.objects) {
      const series = objectSeries(entry);
      const known = this.#lastWrite.get(series);
      if (known === undefined && (entry.frames === 0 || !this.#makeRoom(atMs))) continue;
      if (known === undefined || entry.frames !== known.frames)
        this.#lastWrite.set(series, { atMs, frames: entry.frames });
      readings.push({ series, type: 'counter', value: entry.frames, coarse: true });
    }
    return readings;
  }

  #makeRoom(atMs: number): boolean {
    if (this.#lastWrite.size < mostObjects) return true;
    for (const [series, { atMs: last }] of this.#lastWrite) {
      if (atMs - last <= idleMs) continue;
      this.#lastWrite.delete(series);
      return true;
    }
    return false;
  }
}
