import type { SourceTime } from '../../mapping/source-time.ts';
import type { Zone } from '../../mapping/zone.ts';
import type { Notes, ReaderOptions } from '../source.ts';
import type { MappedNames } from './names.ts';

/** What the streams of a mapping share. */
export interface MappedPorts {
  readonly names: MappedNames;
  /** Reads naive times in the zone of the mapping. */
  readonly time: SourceTime;
  readonly zone: Zone;
  readonly options: ReaderOptions;
  readonly notes: Notes;
}

export const badTime = ({ time }: MappedPorts): 'bad_time' | 'time_out_of_range' =>
  time.outcome === 'time_out_of_range' ? 'time_out_of_range' : 'bad_time';

/** Counts what a time lost or left open. */
export function noteTime({ time, notes }: MappedPorts): void {
  if (time.outcome === 'repeated') notes.add('local times of an hour that came twice, taken at its first');
  else if (time.outcome === 'finer') notes.add('times with digits below a microsecond, which were left out');
}
