import * as v from 'valibot';
import { flag, integer, section } from '../value.ts';

const action = v.picklist(
  ['checkpoint', 'optimize', 'incremental-vacuum', 'reindex'],
  'expected "checkpoint", "optimize", "incremental-vacuum" or "reindex"',
);

export const healingSection = section(
  {
    allow: v.pipe(
      v.optional(v.array(action, 'expected a list'), []),
      v.description('What health --heal may do by itself; nothing else is ever done'),
    ),
    apply: flag(false, 'false: health --heal says and journals what it would do'),
    maxPerHour: integer(1, 1, 60, 'How often each action is done within an hour'),
    breakerAfter: integer(2, 1, 10, 'Failures in a row after which a person has to look'),
  },
  'Self-healing',
);
