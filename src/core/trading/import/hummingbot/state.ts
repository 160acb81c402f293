import { attributeOf, externalIdOf } from '../attribute.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceRow, SourceStream } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import { held, type Mapped } from '../unit.ts';
import type { HummingbotFile } from './ports.ts';

export const marketStates = 'MarketState';

/** Tables of strategies that have no place of their own: each row is kept whole, as state. */
const kept = [
  {
    table: 'Executors',
    scope: 'executor',
    key: ['id'],
    name: 'id',
    of: 'controller_id',
    time: ['close_timestamp', 'timestamp'],
  },
  {
    table: 'PositionExecutors',
    scope: 'position_executor',
    key: ['id'],
    name: 'id',
    of: 'controller_name',
    time: ['close_timestamp', 'timestamp'],
  },
  {
    table: 'Controllers',
    scope: 'controller',
    key: ['controller_id'],
    name: 'controller_id',
    of: 'type',
    time: ['timestamp'],
  },
  { table: 'Position', scope: 'position', key: ['id'], name: 'id', of: 'controller_id', time: ['timestamp'] },
  { table: 'InventoryCost', scope: 'inventory_cost', key: ['id'], name: 'id', of: undefined, time: [] },
  {
    table: 'RangePosition',
    scope: 'range_position',
    key: ['id'],
    name: 'id',
    of: 'config_file_path',
    time: ['last_status_timestamp', 'creation_timestamp'],
  },
  {
    table: 'RangePositionUpdate',
    scope: 'range_position_update',
    key: ['id'],
    name: 'id',
    of: 'config_file_path',
    time: ['timestamp'],
  },
  {
    table: 'RangePositionCollectedFees',
    scope: 'range_position_fees',
    key: ['id'],
    name: 'id',
    of: 'config_file_path',
    time: [],
  },
] as const;

type Kept = (typeof kept)[number];

export const keptTables: readonly string[] = kept.map(({ table }) => table);

/** The tables of strategies that the file has. */
export function strategyState(file: HummingbotFile): SourceStream[] {
  return kept.filter(({ table, key }) => file.schema.has(table, ...key)).map((each) => wholeRows(file, each));
}

function wholeRows(file: HummingbotFile, { table, scope, key, name, of, time }: Kept): SourceStream {
  const columns = file.schema.columns(table).map((column) => column.name);
  const at = (column: string): number => columns.indexOf(column);
  const value = (row: SourceRow, column: string | undefined): RawValue =>
    column === undefined ? null : (row[at(column)] ?? null);
  // All tables of state share one space of ids.
  const externalId = (row: SourceRow): string => `${table} ${externalIdOf(key.map((column) => row[at(column)]))}`;
  return {
    name: `state of ${table}`,
    table,
    columns,
    rows: tableRows(file.schema, { table, columns, key: [...key] }),
    mutable: true,
    externalId,
    map(row): Mapped {
      const told = time.map((column) => value(row, column)).find((each) => each !== null);
      const updatedUs = told === undefined ? 0 : file.time.read(told);
      if (Number.isNaN(updatedUs)) {
        return held(
          externalId(row),
          file.time.outcome === 'time_out_of_range' ? 'time_out_of_range' : 'bad_time',
          String(told),
        );
      }
      const owner = value(row, of);
      return {
        kind: 'state',
        externalId: externalId(row),
        scope,
        scopeId: owner === null ? '' : String(owner),
        key: String(value(row, name)),
        value: JSON.stringify(Object.fromEntries(columns.map((column, index) => [column, jsonOf(row[index] ?? null)]))),
        updatedUs,
      };
    },
  };
}

/** JSON within a row is JSON, not a text of it. */
function jsonOf(value: RawValue): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return attributeOf(value);
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

/** What a connector remembers. Its index was meant to be unique and never was: the newest row of a market counts. */
export function marketState(file: HummingbotFile): SourceStream {
  const columns = ['id', 'config_file_path', 'market', 'timestamp', 'saved_state'] as const;
  const newer = file.schema.connection.prepare(
    'SELECT 1 FROM main.MarketState WHERE config_file_path = ? AND market = ? AND (timestamp, id) > (?, ?)',
  );
  return {
    name: `state of ${marketStates}`,
    table: marketStates,
    columns,
    rows: tableRows(file.schema, { table: marketStates, columns, key: ['id'] }),
    mutable: true,
    externalId: stateId,
    map(row): Mapped {
      const [id = null, config = null, market = null, timestamp = null, saved = null] = row;
      const externalId = stateId(row);
      const updatedUs = file.time.readUnit(timestamp, 'ms');
      if (Number.isNaN(updatedUs)) {
        return held(
          externalId,
          file.time.outcome === 'time_out_of_range' ? 'time_out_of_range' : 'bad_time',
          String(timestamp),
        );
      }
      if (newer.get([config, market, timestamp, id]) !== undefined) {
        return held(externalId, 'duplicate_conflict', `a newer state of ${String(market)} is there`);
      }
      const value = saved === null ? 'null' : String(saved);
      if (!isJson(value)) return held(externalId, 'bad_json', 'saved_state');
      return {
        kind: 'state',
        externalId,
        scope: 'market',
        scopeId: String(config),
        key: String(market),
        value,
        updatedUs,
      };
    },
  };
}

const stateId = ([id]: SourceRow): string => `${marketStates} ${externalIdOf([id])}`;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
