import type { Connection } from '../../sqlite/connection.ts';

/** Something that happened at a moment: a job ended, a limit was crossed, an alert went out. */
export interface HistoryEvent {
  /** Counts up for ever. */
  readonly number: number;
  readonly atMs: number;
  readonly database: string;
  readonly kind: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** The ring of events; longer details are cut. */
const mostEvents = 10_000;
const mostDetailBytes = 4096;

interface Row {
  readonly number: number;
  readonly at_ms: number;
  readonly database: string;
  readonly kind: string;
  readonly detail: string;
}

export function writeEvent(connection: Connection, event: Omit<HistoryEvent, 'number'>): void {
  const number = Number(connection.value('SELECT coalesce(max(number), 0) + 1 FROM event'));
  const text = JSON.stringify(event.detail);
  const detail = text.length <= mostDetailBytes ? text : JSON.stringify({ cut: text.slice(0, 1000) });
  connection.run('INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, ?)', [
    number % mostEvents,
    number,
    Math.round(event.atMs),
    event.database,
    event.kind,
    detail,
  ]);
}

/** The newest first. */
export function readEvents(connection: Connection, limit: number, kinds?: readonly string[]): HistoryEvent[] {
  const wanted = kinds === undefined ? '' : `WHERE kind IN (${kinds.map(() => '?').join(', ')})`;
  return connection
    .all<Row>(`SELECT number, at_ms, database, kind, detail FROM event ${wanted} ORDER BY number DESC LIMIT ?`, [
      ...(kinds ?? []),
      limit,
    ])
    .map(({ number, at_ms, database, kind, detail }) => ({
      number,
      atMs: at_ms,
      database,
      kind,
      detail: JSON.parse(detail) as HistoryEvent['detail'],
    }));
}
