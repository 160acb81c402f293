import * as v from 'valibot';
import { bytes, choice, duration, durationText, integer, optionalText, section } from '../value.ts';

const name = v.pipe(v.string('expected a name'), v.minLength(1, 'must not be empty'));

const columnValues = v.strictObject({
  column: name,
  in: v.array(
    v.union([v.string(), v.number(), v.boolean(), v.null()], 'expected a text, a number, true, false or null'),
    'expected a list of values',
  ),
});

const policy = v.strictObject({
  table: name,
  column: name,
  unit: v.picklist(['s', 'ms', 'us', 'ns', 'iso'], 'expected "s", "ms", "us", "ns" or "iso"'),
  timezone: v.optional(name),
  keep: durationText,
  class: v.optional(name),
  minRows: v.optional(v.pipe(v.number('expected a number'), v.integer(), v.minValue(0)), 0),
  states: v.optional(columnValues),
  hold: v.optional(v.array(columnValues, 'expected a list'), []),
  children: v.optional(v.array(name, 'expected a list of tables'), []),
  archive: v.optional(v.picklist(['none', 'sqlite', 'parquet'], 'expected "none", "sqlite" or "parquet"')),
  summary: v.optional(v.pipe(v.string('expected a text'), v.minLength(1, 'must not be empty'))),
  adjust: v.optional(v.pipe(v.string('expected a text'), v.minLength(1, 'must not be empty'))),
  referenced: v.optional(v.picklist(['refuse', 'keep'], 'expected "refuse" or "keep"'), 'refuse'),
  triggers: v.optional(v.picklist(['refuse', 'fire'], 'expected "refuse" or "fire"'), 'refuse'),
});

export const retentionSection = section(
  {
    policies: v.pipe(
      v.optional(v.array(policy, 'expected a list of policies'), []),
      v.description(
        'Which rows leave a table, and when: { table, column (its time), unit, timezone, keep, class, minRows, states, hold, children, archive, summary, adjust, triggers, referenced }',
      ),
    ),
  },
  'Retention: what tradedb vacuum archive takes out of the database',
);

export const archiveSection = section(
  {
    folder: optionalText('Folder of the archives; relative to the configuration file. Needed by vacuum archive'),
    format: choice(['parquet', 'sqlite'], 'parquet', 'Format of new archives'),
    codec: choice(['zstd', 'snappy'], 'zstd', 'Compression of Parquet archives; snappy for readers without zstd'),
    chunkRows: integer(1_000_000, 1, 1_000_000_000, 'Most rows of one archive, and of one read snapshot'),
    rowGroupRows: integer(20_000, 1, 10_000_000, 'Rows of a row group in a Parquet archive'),
    restoreHold: duration('30d', 'How long rows that were put back are left alone by retention'),
    reserve: bytes('1GiB', 'Free disk space that is never used up'),
  },
  'Archives of old rows',
);
