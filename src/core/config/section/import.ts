import * as v from 'valibot';
import { bytes, duration, flag, integer, optionalDuration, section, text } from '../value.ts';

export const importSection = section(
  {
    batchRows: integer(10_000, 1, 1_000_000, 'Most rows of one transaction'),
    copyLimit: bytes('4GiB', 'Largest closed source, or target of a dry run, that is copied'),
    readSlice: optionalDuration(
      'Longest read of a source in use; 1s by default, 50ms without WAL, where a reader stops the COMMIT of the bot',
    ),
    settleLimit: duration('2s', 'Longest read for the comparison against one state of a source in use'),
    maxQuarantine: text('1%', 'Rows that may be held before the import stops: a number or a percentage'),
    attributes: flag(false, 'Keep columns without a place for market data too'),
    timezones: v.pipe(
      v.optional(v.record(v.string(), v.string('expected a time zone')), {}),
      v.description('Time zone of a source by its name, such as "database.db": "Asia/Shanghai"'),
    ),
  },
  'Import of the data of trading programs',
);
