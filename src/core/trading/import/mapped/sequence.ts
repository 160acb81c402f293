import type { SourceInstrument } from '../catalog.ts';
import type { RowRange, SliceLimits, SourceKey, SourceRow } from '../source.ts';

/**
 * Numbers the rows of one instrument and microsecond in the order of the source, as long as they stand together. Where a
 * slice ends among them, the numbers so far travel in its key: a run that goes on from there must not begin at 0 again.
 */
export class Sequence {
  readonly #last = new Map<string, { us: number; seq: number }>();
  readonly #names = new Map<SourceInstrument, string>();
  #us = Number.NaN;

  next(instrument: SourceInstrument, us: number): number {
    const name = this.#nameOf(instrument);
    this.#us = us;
    const last = this.#last.get(name);
    if (last === undefined) {
      this.#last.set(name, { us, seq: 0 });
      return 0;
    }
    last.seq = last.us === us ? last.seq + 1 : 0;
    last.us = us;
    return last.seq;
  }

  /** The rows, with the numbers so far as the last part of their key. */
  keptIn(rows: RowRange): RowRange {
    return {
      prepare: (after, limits) => rows.prepare?.(after?.slice(0, -1), limits) ?? Promise.resolve(),
      count: () => rows.count(),
      keyOf: (row) => rows.keyOf?.(row) ?? [],
      read: (after: SourceKey | undefined, limits: SliceLimits, visit: (row: SourceRow) => void) => {
        this.#last.clear();
        if (after !== undefined) this.#restore(String(after.at(-1)));
        const slice = rows.read(after?.slice(0, -1), limits, visit);
        return slice.last === undefined ? slice : { ...slice, last: [...slice.last, this.#state()] };
      },
    };
  }

  #nameOf(instrument: SourceInstrument): string {
    const known = this.#names.get(instrument);
    if (known !== undefined) return known;
    const name = JSON.stringify([instrument.venue, instrument.symbol, instrument.kind]);
    this.#names.set(instrument, name);
    return name;
  }

  /** Only rows of the last microsecond can be continued. */
  #state(): string {
    const open = [...this.#last]
      .filter(([, { us }]) => us === this.#us)
      .sort(([one], [other]) => (one < other ? -1 : 1));
    return JSON.stringify([this.#us, Object.fromEntries(open.map(([name, { seq }]) => [name, seq]))]);
  }

  #restore(text: string): void {
    const [us, numbers] = JSON.parse(text) as [number | null, Readonly<Record<string, number>>];
    if (us === null) return;
    this.#us = us;
    for (const [name, seq] of Object.entries(numbers)) this.#last.set(name, { us, seq });
  }
}
