import type { SourceAccount, SourceInstrument } from '../catalog.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceStream } from '../source.ts';
import type { SourceSchema } from '../source-schema.ts';
import { tableRows } from '../table-rows.ts';
import { held, type LockUnit } from '../unit.ts';

/** What the streams of freqtrade need to read a row; one object for all of them. */
export interface LockPorts {
  readonly schema: SourceSchema;
  readonly account: SourceAccount;
  readonly instrumentOf: (pair: string) => SourceInstrument | undefined;
  /** UTC microseconds, NaN when it is no time. */
  readonly timeOf: (value: RawValue) => number;
}

const columns = ['id', 'pair', 'side', 'reason', 'lock_time', 'lock_end_time', 'active'] as const;

/** Pairs that the bot must not trade for a while; pair `*` is all of them. */
export function locks({ schema, account, instrumentOf, timeOf }: LockPorts): SourceStream {
  return {
    name: 'locks',
    table: 'pairlocks',
    columns,
    rows: tableRows(schema, { table: 'pairlocks', columns, key: ['id'] }),
    mutable: true,
    externalId: (row) => String(row[0]),
    map(row): LockUnit | ReturnType<typeof held> {
      const [id, pair, side, reason, from, until, active] = row;
      const externalId = String(id);
      const fromUs = timeOf(from ?? null);
      const untilUs = timeOf(until ?? null);
      if (Number.isNaN(fromUs) || Number.isNaN(untilUs)) return held(externalId, 'bad_time');
      if (typeof pair !== 'string') return held(externalId, 'bad_text', 'pair is no text');
      const instrument = instrumentOf(pair);
      if (instrument === undefined && pair !== '*')
        return held(externalId, 'orphan', `no trade names the pair ${pair}`);
      return {
        kind: 'lock',
        externalId,
        account,
        instrument,
        side: side === 'long' ? 1 : side === 'short' ? -1 : null,
        reason: typeof reason === 'string' ? reason : null,
        fromUs,
        untilUs,
        isActive: active === 1n,
      };
    },
  };
}
