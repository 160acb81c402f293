import { isoOfMicroseconds } from '../../time.ts';
import { attributeOf } from '../attribute.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceStream } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import { type AttributesUnit, type Held, held, type StateUnit } from '../unit.ts';
import type { FreqtradePorts } from './ports.ts';

const keyColumns = ['id', 'key', 'value_type', 'string_value', 'datetime_value', 'float_value', 'int_value'] as const;

/** What the bot remembers between two starts. The table has no times: 0 stands for "not told". */
export function keyValues(shared: FreqtradePorts): SourceStream {
  return {
    name: 'state',
    table: 'KeyValueStore',
    columns: keyColumns,
    rows: shared.afresh(tableRows(shared.schema, { table: 'KeyValueStore', columns: keyColumns, key: ['id'] })),
    mutable: true,
    externalId: (row) => `key ${String(row[0])}`,
    map(row): StateUnit | Held {
      const [id, key, type, text, time, real, integer] = row;
      const externalId = `key ${String(id)}`;
      if (typeof key !== 'string') return held(externalId, 'bad_text', 'the key is no text');
      const scope = { kind: 'state', externalId, scope: 'engine', scopeId: shared.ports.options.account, key } as const;
      switch (type) {
        case 'str':
          return { ...scope, value: JSON.stringify(attributeOf(text ?? null)), updatedUs: 0 };
        case 'float':
          return { ...scope, value: JSON.stringify(attributeOf(real ?? null)), updatedUs: 0 };
        case 'int':
          return { ...scope, value: JSON.stringify(attributeOf(integer ?? null)), updatedUs: 0 };
        case 'datetime': {
          const us = shared.timeOf(time ?? null);
          if (Number.isNaN(us)) return held(externalId, shared.timeFault, `value of ${key}`);
          return { ...scope, value: JSON.stringify(isoOfMicroseconds(us)), updatedUs: 0 };
        }
        default:
          return held(externalId, 'bad_text', `value_type ${String(type)}`);
      }
    },
  };
}

const customColumns = ['id', 'ft_trade_id', 'cd_key', 'cd_type', 'cd_value', 'created_at', 'updated_at'] as const;

/** Values that a strategy has put on a trade. Text that is no JSON stays as a JSON string. */
export function customData(shared: FreqtradePorts): SourceStream {
  return {
    name: 'custom data',
    table: 'trade_custom_data',
    columns: customColumns,
    rows: shared.afresh(tableRows(shared.schema, { table: 'trade_custom_data', columns: customColumns, key: ['id'] })),
    mutable: true,
    externalId: (row) => `custom ${String(row[0])}`,
    map(row): StateUnit | Held {
      const [id, tradeId, key, , value, created, updated] = row;
      const externalId = `custom ${String(id)}`;
      if (typeof key !== 'string') return held(externalId, 'bad_text', 'the key is no text');
      if (shared.trade(tradeId ?? null) === undefined) {
        return held(externalId, 'orphan', `there is no trade ${String(tradeId)}`);
      }
      const updatedUs = shared.timeOf(updated ?? created ?? null);
      if (Number.isNaN(updatedUs)) return held(externalId, shared.timeFault, `time of ${key}`);
      return {
        kind: 'state',
        externalId,
        scope: 'trade',
        scopeId: `${shared.ports.options.account}/${String(tradeId)}`,
        key,
        value: jsonText(value ?? null),
        updatedUs,
      };
    },
  };
}

function jsonText(value: RawValue): string {
  if (typeof value !== 'string') return JSON.stringify(attributeOf(value));
  try {
    JSON.parse(value);
    return value;
  } catch {
    return JSON.stringify(value);
  }
}

/** The worth of the wallet as the bot has seen it; it moved no money of its own. */
export function walletHistory(shared: FreqtradePorts): SourceStream {
  const columns = shared.schema.columns('wallet_history').map(({ name }) => name);
  const idAt = columns.indexOf('id');
  return {
    name: 'wallet',
    table: 'wallet_history',
    columns,
    rows: shared.afresh(tableRows(shared.schema, { table: 'wallet_history', columns, key: ['id'] })),
    mutable: false,
    externalId: (row) => String(row[idAt]),
    map(row): AttributesUnit {
      const attributes = Object.fromEntries(columns.map((column, at) => [column, attributeOf(row[at] ?? null)]));
      return { kind: 'attributes', entity: 'wallet', externalId: String(row[idAt]), attributes, order: undefined };
    },
  };
}
