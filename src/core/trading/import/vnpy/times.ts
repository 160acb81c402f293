import { TradedbError } from '../../../error.ts';
import { SourceTime } from '../../mapping/source-time.ts';
import { Zone } from '../../mapping/zone.ts';
import { usPerDay } from '../../time.ts';
import type { RawValue } from '../raw-value.ts';
import type { Reason } from '../reason.ts';
import type { Notes } from '../source.ts';

/** Times of vn.py: local text in a zone that the file does not name. */
export class VnpyTimes {
  readonly #time: SourceTime;
  readonly #zone: Zone;
  readonly #shanghai = new Zone('Asia/Shanghai');
  readonly #notes: Notes;

  /** Throws `usage` without a zone. */
  constructor(zone: string | undefined, notes: Notes) {
    if (zone === undefined) {
      throw new TradedbError('usage', 'vn.py writes local times and does not say of which zone', {
        hint: 'give the zone of `database.timezone` in its settings, by default that of its machine: --timezone Asia/Shanghai',
      });
    }
    this.#time = new SourceTime(zone);
    this.#zone = new Zone(zone);
    this.#notes = notes;
  }

  /** UTC microseconds; NaN when `problem` says why there are none. */
  read(value: RawValue): number {
    // A number is none of vn.py's times, whatever instant it could be.
    const us = typeof value === 'string' ? this.#time.read(value) : this.#time.read(null);
    if (this.#time.outcome === 'repeated')
      this.#notes.add('local times of an hour that came twice, taken at its first');
    return us;
  }

  get problem(): Reason {
    return this.#time.outcome === 'time_out_of_range' ? 'time_out_of_range' : 'bad_time';
  }

  /** The day of an instant on the clock of the exchange, as 00:00 UTC. */
  tradingDate(us: number, isShanghai: boolean): number {
    const zone = isShanghai ? this.#shanghai : this.#zone;
    return Math.floor((us + zone.offsetAt(us / 1000) * 1000) / usPerDay) * usPerDay;
  }
}
