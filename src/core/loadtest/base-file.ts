import { TradedbError } from '../error.ts';
import {
  type Connection,
  type ConnectionPorts,
  createDatabase,
  openReadOnly,
  openReadWrite,
} from '../sqlite/connection.ts';
import { hasReferenceSchema } from '../trading/reference-schema.ts';
import { checkRules } from './business-rules.ts';
import type { FromPrepare, InspectRequest, PrepareRequest } from './child/protocol.ts';
import { resolveScenarios, usesTradingSchema } from './scenario/resolve.ts';

type Prepared = Omit<Extract<FromPrepare, { type: 'prepared' }>, 'type'>;

/** Pages per step of a copy; the progress moves and a cancelled run is noticed between steps. */
const stepPages = 5000;

/**
 * Makes the file that every trial starts from: a consistent copy of a live database, or a new one. It is closed with
 * its WAL written back, so that the file alone is the whole database.
 */
export async function prepareBase(
  request: PrepareRequest,
  ports: ConnectionPorts,
  onProgress: (done: number, total: number) => void,
): Promise<Prepared> {
  const settings = { ...ports, busyTimeoutMs: request.busyTimeoutMs };
  if (request.source === undefined) createDatabase(request.target, request.profile, settings).close();
  else await copyDatabase(request.source, request.target, settings, onProgress);
  const connection = openReadWrite(request.target, request.profile, settings);
  try {
    const scenario = await resolveScenarios(request.scenarios);
    if (request.source === undefined && request.scenarios.some(usesTradingSchema)) {
      await makeSample(connection, request, ports, onProgress);
    }
    scenario.setup?.(connection);
    const { broken } = checkRules(connection);
    emptyWal(connection);
    return { brokenRules: broken };
  } finally {
    connection.close();
  }
}

const sampleMarket = { instruments: 50, days: 20, mix: 'oms' } as const;
/** Rows of one order with its events, fills and ledger, roughly; for the progress alone. */
const rowsPerOrder = 25;

/** The reference schema with a market around the bundled real prices: the same for the same seed. */
async function makeSample(
  connection: Connection,
  { sampleOrders, seed }: PrepareRequest,
  { clock }: ConnectionPorts,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const { applyReferenceSchema } = await import('../trading/reference-schema.ts');
  const { generateSample } = await import('../trading/market/generator.ts');
  applyReferenceSchema(connection);
  let rows = 0;
  const task = {
    advance: (amount: number) => {
      rows += amount;
      onProgress(rows, Math.max(rows, sampleOrders * rowsPerOrder));
    },
    total: () => {},
    done: () => {},
  };
  const signal = new AbortController().signal;
  await generateSample(
    connection,
    { ...sampleMarket, orders: sampleOrders, seed },
    { clock, signal, progress: { start: () => task } },
  );
  // Without statistics the planner guesses, and every run would measure its guesses.
  connection.exec('ANALYZE');
}

/** Looks at a database without writing anything. */
export function inspectDatabase(request: InspectRequest, ports: ConnectionPorts): { hasTradingSchema: boolean } {
  const connection = openReadOnly(request.source, { ...ports, busyTimeoutMs: request.busyTimeoutMs });
  try {
    return { hasTradingSchema: hasReferenceSchema(connection) };
  } finally {
    connection.close();
  }
}

/** Inside one read transaction, because the backup API starts over at every commit of another process otherwise. */
async function copyDatabase(
  source: string,
  target: string,
  settings: ConnectionPorts & { readonly busyTimeoutMs: number },
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const connection = openReadOnly(source, settings);
  try {
    connection.run('BEGIN');
    connection.value('SELECT count(*) FROM sqlite_schema');
    await connection.backupTo(target, stepPages, onProgress);
    connection.run('COMMIT');
  } finally {
    connection.close();
  }
}

function emptyWal(connection: Connection): void {
  const row = connection.pragma('wal_checkpoint(TRUNCATE)')[0];
  if (row !== undefined && Number(row.busy) !== 0) {
    throw new TradedbError(
      'database_locked',
      `another process uses the scratch copy ${JSON.stringify(connection.path)}`,
    );
  }
}
