import type { SourceSystem } from '../source.ts';

const barColumns = [
  'symbol',
  'exchange',
  'datetime',
  'interval',
  'open_price',
  'high_price',
  'low_price',
  'close_price',
];
const tickColumns = ['symbol', 'exchange', 'datetime', 'last_price', 'last_volume', 'bid_price_1', 'ask_price_1'];

/** vn.py keeps no version; the tables of overviews and a column tell the release. */
export const detectVnpy: SourceSystem['detect'] = (schema) => {
  const hasBars = schema.has('dbbardata', ...barColumns);
  const hasTicks = schema.has('dbtickdata', ...tickColumns);
  if (!hasBars && !hasTicks) return undefined;
  const evidence = [...(hasBars ? ['dbbardata'] : []), ...(hasTicks ? ['dbtickdata'] : [])];
  const found = (generation: string, label: string, mark?: string) => ({
    system: 'vnpy',
    generation,
    label,
    evidence: mark === undefined ? evidence : [...evidence, mark],
    refused: undefined,
  });
  if (schema.has('dbtickoverview')) return found('V3', '2022-08: dbtickoverview', 'dbtickoverview');
  if (schema.has('dbbaroverview')) return found('V2', '2021-09: dbbaroverview', 'dbbaroverview');
  return found('V1', 'before 2021-09: no overviews');
};
