import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { type RuleResult, runRules } from '../rule/run-rules.ts';
import { StoreSession } from '../store/session.ts';
import { bookFills } from './book.ts';
import { bulkStream } from './bulk.ts';
import { SourceCatalog } from './catalog.ts';
import { Facts } from './facts.ts';
import { heldReasons } from './held-reasons.ts';
import { ImportState, type Phase } from './import-state.ts';
import { accountOfOpenings, bookOpenings, type Opening } from './opening.ts';
import { Quarantine } from './quarantine.ts';
import { type Reconciled, reconcile } from './reconcile.ts';
import { References } from './references.ts';
import type { ImportResult, RuleOutcome, StreamResult } from './result.ts';
import { retryHeld } from './retry.ts';
import { scanStreams } from './scan.ts';
import { ImportSession, TooManyHeld } from './session.ts';
import { settle } from './settle.ts';
import type { Detection, SourceKey, SourceReader, SourceStream } from './source.ts';
import { rowsRead, type StreamCounts } from './stream-counts.ts';
import { TargetCatalog } from './target-catalog.ts';
import { importedOrders, targetTotals } from './target-totals.ts';
import { Totals } from './totals.ts';
import { NoteBook, UnitLoader } from './unit-loader.ts';

export interface ImportRequest {
  readonly target: Connection;
  /** Identity of the source; survives a moved file. */
  readonly name: string;
  readonly detection: Detection;
  /** Text of the mapping; empty for a built-in one. */
  readonly mapping: string;
  /** Opens the reader on the catalogue that the run uses. */
  open(catalog: SourceCatalog, notes: NoteBook): Promise<SourceReader>;
  /** Connection of the source; undefined for a file that is no database. */
  readonly source: Connection | undefined;
  /** Somebody may write into the source. */
  readonly isLive: boolean;
  /** Names of streams; all by default. */
  readonly streams: readonly string[] | undefined;
  readonly batchRows: number;
  readonly readSliceMs: number;
  readonly settleLimitMs: number;
  /** Balances before the first order; booked once. */
  readonly openings: readonly Opening[];
  /** Try held rows of streams that only grow once more. */
  readonly retry: boolean;
  /** Rows that may be held: a number, or a share of all rows. */
  readonly maxQuarantine: { readonly rows: number } | { readonly share: number };
  readonly ruleTimes: { readonly tolUs: number; readonly fillTolUs: number; readonly staleUs: number };
  readonly onBatch: (stream: string, counts: StreamCounts) => void;
  /** After each transaction that books fills. */
  readonly onBooked: (fills: number) => void;
}

/** Moves rows of a source into the reference schema, or takes up where a run was stopped. */
export async function runImport(request: ImportRequest, context: OperationContext): Promise<ImportResult> {
  const { target } = request;
  const catalog = new SourceCatalog();
  const notes = new NoteBook();
  const reader = await request.open(catalog, notes);
  try {
    const streams = chosenStreams(reader, request.streams);
    const state = ImportState.begin(target, request);
    const run = new ImportRun(request, { reader, catalog, notes, streams, state }, context);
    return await run.carryOut();
  } finally {
    reader.close?.();
  }
}

function chosenStreams(reader: SourceReader, names: readonly string[] | undefined): readonly SourceStream[] {
  if (names === undefined) return reader.streams;
  const known = reader.streams.map(({ name }) => name);
  const strange = names.find((name) => !known.includes(name));
  if (strange !== undefined) {
    throw new TradedbError('usage', `the source has no stream ${JSON.stringify(strange)}`, {
      hint: `its streams: ${known.join(', ')}`,
    });
  }
  return reader.streams.filter(({ name }) => names.includes(name));
}

interface RunParts {
  readonly reader: SourceReader;
  readonly catalog: SourceCatalog;
  readonly notes: NoteBook;
  readonly streams: readonly SourceStream[];
  readonly state: ImportState;
}

class ImportRun {
  readonly #request: ImportRequest;
  readonly #parts: RunParts;
  readonly #context: OperationContext;
  readonly #facts = new Facts();
  readonly #targetCatalog: TargetCatalog;
  readonly #quarantine: Quarantine;
  readonly #loader: UnitLoader;
  readonly #references: References;
  readonly #session: ImportSession;
  readonly #startKeys: ReadonlyMap<string, SourceKey | undefined>;
  readonly #wasUnfinished: boolean;
  readonly #sourceTotals: Totals;
  #fillsBooked = 0;
  #comparedAtOnce = true;

  constructor(request: ImportRequest, parts: RunParts, context: OperationContext) {
    const { target } = request;
    const { streams, state, reader, notes } = parts;
    this.#request = request;
    this.#parts = parts;
    this.#context = context;
    this.#targetCatalog = new TargetCatalog(target, this.#facts);
    this.#quarantine = new Quarantine(target, state.sourceId, state.runId);
    this.#references = new References(target, state.sourceId);
    const references = this.#references;
    const ports = { connection: target, target: this.#targetCatalog, references, quarantine: this.#quarantine, notes };
    this.#loader = new UnitLoader(ports);
    this.#startKeys = new Map(streams.map(({ name }) => [name, state.stream(name).lastKey]));
    this.#wasUnfinished = streams.some(({ name }) => !['scan', 'done'].includes(state.stream(name).phase));
    this.#sourceTotals = new Totals(this.#targetCatalog);
    this.#session = new ImportSession({
      target,
      reader,
      streams,
      state,
      loader: this.#loader,
      quarantine: this.#quarantine,
      limits: { rows: request.batchRows, ms: request.readSliceMs },
      maxQuarantine: mostHeld(request.maxQuarantine, streams),
      onBatch: request.onBatch,
      context,
    });
  }

  async carryOut(): Promise<ImportResult> {
    const { state } = this.#parts;
    const { target, openings } = this.#request;
    try {
      await this.#scan();
      // Said before anything is written.
      const opened = openings.length === 0 ? undefined : accountOfOpenings(this.#parts.catalog.accounts);
      await this.#bulk();
      await this.#retry();
      if (this.#wasUnfinished || this.#loader.hasUnbookedFills) await this.#book();
      await this.#settle();
      if (opened !== undefined) bookOpenings(target, this.#targetCatalog, opened, openings);
      const reconciliation = this.#reconcile();
      const rules = this.#rules();
      const result = this.#result({ reconciliation, rules, stopped: null });
      this.#finish('done', result);
      return result;
    } catch (error) {
      if (error instanceof TooManyHeld || isDiskFull(error)) {
        const stopped = error instanceof TooManyHeld ? error.message : 'the disk is full';
        const result = this.#result({ reconciliation: [], rules: [], stopped });
        if (error instanceof TooManyHeld) state.finish('interrupted', summaryOf(result));
        return result;
      }
      // A process that dies leaves the run as running: the next one finds it either way.
      if (error instanceof TradedbError && error.code === 'cancelled') state.finish('interrupted', {});
      throw error;
    }
  }

  async #scan(): Promise<void> {
    const { streams, state } = this.#parts;
    const { limits } = this.#session.parts;
    const task = this.#context.progress.start({ id: 'scan', label: 'scanning', unit: 'rows', total: this.#rowsLeft() });
    await scanStreams(streams, state, this.#facts, { limits, task, context: this.#context });
    task.done();
    this.#adoptNames();
  }

  /** Gives every instrument, account and strategy that rows have named its row in the target. */
  #adoptNames(): void {
    const { catalog } = this.#parts;
    this.#request.target.tx(() => {
      for (const instrument of catalog.instruments) this.#targetCatalog.instrument(instrument);
      for (const account of catalog.accounts) this.#targetCatalog.accountId(account);
      for (const strategy of catalog.strategies) this.#targetCatalog.strategyId(strategy);
    });
  }

  async #bulk(): Promise<void> {
    const task = this.#context.progress.start({
      id: 'bulk',
      label: 'importing',
      unit: 'rows',
      total: this.#rowsLeft(),
    });
    this.#parts.notes.isOpen = true;
    for (const stream of this.#parts.streams) await bulkStream(this.#session, stream, task);
    this.#parts.notes.isOpen = false;
    task.done();
  }

  /** Held rows of what is never read again: when asked for, and when another mapping may make more of them. */
  async #retry(): Promise<void> {
    const { streams, state } = this.#parts;
    if (!this.#request.retry && !state.hasNewMapping) return;
    for (const stream of streams) if (!stream.mutable) await retryHeld(this.#session, stream);
  }

  /** Rows that no run has read; undefined when a file cannot tell. */
  #rowsLeft(): number {
    const { streams, state } = this.#parts;
    return streams.reduce(
      (sum, { name, rows }) => sum + Math.max(0, (rows.count() ?? 0) - state.stream(name).rowsRead),
      0,
    );
  }

  async #book(): Promise<void> {
    this.#mark('book');
    const task = this.#context.progress.start({ id: 'book', label: 'booking fills', unit: 'rows' });
    this.#fillsBooked += await bookFills(this.#request.target, {
      advance: (fills) => {
        task.advance(fills);
        this.#request.onBooked(fills);
      },
      onBatch: () => this.#session.pause(),
    });
    this.#loader.hasUnbookedFills = false;
    task.done();
  }

  /** Rows that the bot has changed since they were read, or since the last run. A first run over a still file has none. */
  async #settle(): Promise<void> {
    const { reader } = this.#parts;
    const { isLive, source, settleLimitMs } = this.#request;
    const takeTotals = (): void => reader.totals(this.#sourceTotals, this.#quarantine);
    const isFirst = [...this.#startKeys.values()].every((key) => key === undefined);
    if (isFirst && !isLive) {
      if (source === undefined) takeTotals();
      else source.read(takeTotals);
      return;
    }
    this.#comparedAtOnce = await settle(this.#session, {
      startKeys: this.#startKeys,
      source,
      limitMs: isLive ? settleLimitMs : undefined,
      references: this.#references,
      takeTotals,
    });
    if (this.#loader.hasUnbookedFills) await this.#book();
  }

  #reconcile(): Reconciled[] {
    const { catalog, reader, state, streams } = this.#parts;
    if (streams.length < reader.streams.length) return [];
    this.#adoptNames();
    const totals = new Totals(this.#targetCatalog);
    const ports = { connection: this.#request.target, sourceId: state.sourceId, catalog, target: this.#targetCatalog };
    this.#request.target.read(() => {
      targetTotals(ports, totals);
      reader.recompute?.(importedOrders(ports), totals);
    });
    return reconcile(this.#sourceTotals, totals);
  }

  /** The rules of the reference schema, when this run has written anything. */
  #rules(): RuleOutcome[] {
    const { streams } = this.#parts;
    const wrote = streams.some(({ name }) => {
      const counts = this.#session.counts(name);
      return counts.new + counts.updated > 0;
    });
    if (!wrote && !this.#wasUnfinished) return [];
    this.#mark('done');
    const nowUs = Math.round(this.#context.clock.wallTime() * 1000);
    const { tolUs, fillTolUs, staleUs } = this.#request.ruleTimes;
    const options = { nowUs, tolUs, fillTolUs, staleUs, tiers: ['quick', 'daily'] as const };
    return runRules(this.#request.target, options).flatMap(outcomeOf);
  }

  #mark(phase: Phase): void {
    const { streams, state } = this.#parts;
    this.#request.target.tx(() => {
      for (const { name } of streams) {
        const before = state.stream(name);
        state.keep(name, { ...before, phase });
      }
    });
  }

  #finish(status: 'done', result: ImportResult): void {
    const { state } = this.#parts;
    this.#request.target.tx(() => {
      this.#mark('done');
      state.finish(status, summaryOf(result));
      this.#record(result);
    });
  }

  /** One audit row says who brought the rows; orders that a later run has changed have rows of their own. */
  #record({ streams, fillsBooked, runId }: ImportResult): void {
    const rows = streams.filter(({ rowsNew, rowsUpdated }) => rowsNew + rowsUpdated > 0);
    if (rows.length + fillsBooked === 0) return;
    const session = new StoreSession(this.#request.target, { actor: 'migrate import' });
    const counts = Object.fromEntries(rows.map(({ name, rowsNew, rowsUpdated }) => [name, rowsNew + rowsUpdated]));
    const { detection, name } = this.#request;
    const payload = { after: { fills_booked: fillsBooked, rows: counts, source: name, system: detection.system } };
    session.record(
      { entity: 'import', entityId: runId, payload },
      { kind: 'order', action: 'import', accountId: 0, atUs: session.nowUs() },
    );
  }

  #result(end: Pick<ImportResult, 'reconciliation' | 'rules' | 'stopped'>): ImportResult {
    const { streams, reader, state, notes } = this.#parts;
    const { exact, noise } = this.#loader.numbers;
    return {
      plan: {
        instruments: this.#targetCatalog.planned,
        assets: this.#targetCatalog.assets.map(({ code, scale }) => ({ code, scale })),
        columns: reader.columns,
      },
      streams: streams.map((stream) => this.#streamResult(stream)),
      numbers: { exact, noise },
      notes: [...notes.counts].map(([note, count]) => ({ note, count })),
      quarantine: heldReasons(this.#request.target, state.sourceId),
      comparedAtOnce: this.#comparedAtOnce,
      fillsBooked: this.#fillsBooked,
      runId: state.runId,
      resumedFrom: state.resumedFrom,
      complete: end.stopped === null,
      ...end,
    };
  }

  #streamResult({ name, table }: SourceStream): StreamResult {
    const counts = this.#session.counts(name);
    return {
      name,
      table,
      rowsRead: rowsRead(counts),
      rowsNew: counts.new,
      rowsUnchanged: counts.same,
      rowsUpdated: counts.updated,
      rowsQuarantined: counts.held,
      duplicatesSkipped: counts.nothing,
      rowsPerSecond: this.#session.rowsPerSecond(name),
    };
  }
}

const fewRows = 20;

function mostHeld(limit: ImportRequest['maxQuarantine'], streams: readonly SourceStream[]): number {
  if ('rows' in limit) return limit.rows;
  const rows = streams.reduce((sum, stream) => sum + (stream.rows.count() ?? 0), 0);
  // Of a small file one row is more than a percent.
  return Math.max(fewRows, Math.floor(rows * limit.share));
}

function isDiskFull(error: unknown): boolean {
  return error instanceof TradedbError && error.code === 'disk_full';
}

function outcomeOf(result: RuleResult): RuleOutcome[] {
  const { id, severity, status, sentence, count, samples, explainedBy } = result;
  if (status === 'ok' || status === 'skipped') return [];
  return [{ id, severity, status, sentence, count, samples: samples.slice(0, 5), explainedBy }];
}

/** What the row of the run keeps. */
function summaryOf({ streams, quarantine, stopped, fillsBooked }: ImportResult): unknown {
  return { streams, fillsBooked, stopped, held: quarantine.map(({ reason, count }) => ({ reason, count })) };
}
