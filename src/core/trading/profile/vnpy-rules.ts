import type { Connection } from '../../sqlite/connection.ts';
import { SourceTime } from '../mapping/source-time.ts';
import type { Offender } from '../rule/rule.ts';
import type { HasColumn, ProfileRule } from './profile.ts';

const bar = (alias: string): string =>
  `'bar ' || ${alias}.symbol || '.' || ${alias}.exchange || ' ' || ${alias}.interval || ' at ' || ${alias}.datetime AS subject`;
const tick = (alias: string): string =>
  `'tick ' || ${alias}.symbol || '.' || ${alias}.exchange || ' at ' || ${alias}.datetime AS subject`;
/** Trading sessions are not in the file; within this much of one, no session ends and the next begins. */
const withinSessionSeconds = 900;

/** What must be true of a vn.py database. */
export const vnpyRules: readonly ProfileRule[] = [
  {
    id: 'VN05',
    tier: 'daily',
    severity: 'critical',
    sentence: 'every time is local text without an offset',
    after: [],
    needs: ['dbbardata.datetime'],
    inspect: badTimes,
  },
  {
    id: 'VN02',
    tier: 'daily',
    severity: 'critical',
    sentence: 'an instant stands once, however wide it is written',
    after: ['VN05'],
    needs: ['dbbardata.datetime'],
    // The unique index compares text: with and without zeros behind the point are two instants to it.
    sql: (has) => `
      SELECT ${bar('b')} FROM main.dbbardata b GROUP BY b.symbol, b.exchange, b.interval, ${instant('b.datetime')} HAVING count(*) > 1
      ${
        has('dbtickdata', 'datetime')
          ? `UNION ALL SELECT ${tick('t')} FROM main.dbtickdata t GROUP BY t.symbol, t.exchange, ${instant('t.datetime')} HAVING count(*) > 1`
          : ''
      }`,
  },
  {
    id: 'VN04',
    tier: 'daily',
    severity: 'critical',
    sentence: 'volumes are not negative and intervals are known',
    after: [],
    needs: ['dbbardata.volume', 'dbbardata.interval'],
    sql: (has) => `
      SELECT ${bar('b')} FROM main.dbbardata b WHERE b.volume < 0 OR b.interval NOT IN ('1m', '1h', 'd', 'w', 'tick')
      ${has('dbtickdata', 'volume') ? `UNION ALL SELECT ${tick('t')} FROM main.dbtickdata t WHERE t.volume < 0 OR t.last_volume < 0` : ''}`,
  },
  {
    id: 'VN03',
    tier: 'daily',
    severity: 'warning',
    sentence: 'the running volume of a session never falls',
    after: ['VN02', 'VN04', 'VN05'],
    needs: ['dbtickdata.volume'],
    sql: () => `
      SELECT ${tick('t')} FROM (
        SELECT symbol, exchange, datetime, volume, lag(volume) OVER w AS volume_before, lag(datetime) OVER w AS time_before
        FROM main.dbtickdata WINDOW w AS (PARTITION BY symbol, exchange ORDER BY datetime, id)) t
      WHERE t.volume < t.volume_before
        AND unixepoch(substr(t.datetime, 1, 19)) - unixepoch(substr(t.time_before, 1, 19)) <= ${withinSessionSeconds}`,
  },
  {
    id: 'VN01',
    tier: 'daily',
    severity: 'warning',
    sentence: 'an overview counts the rows that are there, from the first to the last',
    after: ['VN02'],
    needs: ['dbbaroverview.count'],
    sql: (has) => `${overviewSql('dbbaroverview', 'dbbardata', ['symbol', 'exchange', 'interval'])}
      ${has('dbtickoverview', 'count') ? `UNION ALL ${overviewSql('dbtickoverview', 'dbtickdata', ['symbol', 'exchange'])}` : ''}`,
  },
  {
    id: 'VN06',
    tier: 'daily',
    severity: 'warning',
    sentence: 'every symbol with rows has its overview, without which the program does not show it',
    after: [],
    needs: ['dbbaroverview', 'dbbardata'],
    sql: (has) => `
      SELECT 'bars of ' || b.symbol || '.' || b.exchange || ' ' || b.interval AS subject
      FROM (SELECT DISTINCT symbol, exchange, interval FROM main.dbbardata) b
      WHERE NOT EXISTS (SELECT 1 FROM main.dbbaroverview o WHERE o.symbol = b.symbol AND o.exchange = b.exchange AND o.interval = b.interval)
      ${
        has('dbtickoverview')
          ? `UNION ALL SELECT 'ticks of ' || t.symbol || '.' || t.exchange FROM (SELECT DISTINCT symbol, exchange FROM main.dbtickdata) t
             WHERE NOT EXISTS (SELECT 1 FROM main.dbtickoverview o WHERE o.symbol = t.symbol AND o.exchange = t.exchange)`
          : ''
      }`,
  },
];

/** Text of one width for one instant: the fraction loses its zeros. */
function instant(column: string): string {
  return `rtrim(rtrim(replace(${column}, 'T', ' ') || CASE WHEN instr(${column}, '.') = 0 THEN '.' ELSE '' END, '0'), '.')`;
}

function overviewSql(overview: string, rows: string, key: readonly string[]): string {
  const join = key.map((column) => `r.${column} = o.${column}`).join(' AND ');
  const name = key.map((column) => `o.${column}`).join(` || ' ' || `);
  return `
    SELECT '${overview} ' || ${name} AS subject FROM main.${overview} o
    LEFT JOIN (SELECT ${key.join(', ')}, count(*) AS n, min(datetime) AS first, max(datetime) AS last FROM main.${rows}
               GROUP BY ${key.join(', ')}) r ON ${join}
    WHERE coalesce(r.n, 0) <> o.count OR ${instant('r.first')} <> ${instant('o.start')} OR ${instant('r.last')} <> ${instant('o."end"')}`;
}

function* badTimes(connection: Connection, has: HasColumn): Generator<Offender> {
  const time = new SourceTime('UTC', { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY });
  const isBad = (value: unknown): boolean => {
    const us = typeof value === 'string' ? time.read(value) : Number.NaN;
    return Number.isNaN(us) || time.unit !== 'text' || /[zZ]$|[+-]\d\d:?\d*$/.test(String(value).slice(16));
  };
  const tables = has('dbtickdata', 'datetime') ? ['dbbardata', 'dbtickdata'] : ['dbbardata'];
  for (const table of tables) {
    const rows = connection.iterate<{ id: number; value: unknown }>(`SELECT id, datetime AS value FROM main.${table}`);
    for (const { id, value } of rows)
      if (isBad(value)) yield { subject: `${table} ${id}: ${String(value).slice(0, 40)}` };
  }
}
