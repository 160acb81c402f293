import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { Adjustment } from '../retention/adjust.ts';
import type { BudgetedWrites, WriteStop } from '../retention/budgeted-writes.ts';
import type { Condition } from '../retention/due.ts';
import { type KeyedRow, LiveUnit } from '../retention/live-unit.ts';
import type { RetentionPolicy } from '../retention/policy.ts';
import { type ExactRow, ExactStatements } from '../retention/row.ts';
import { requireSchema } from '../retention/schema-guard.ts';
import type { UnitTable } from '../retention/unit.ts';
import type { Chunk, Counts, UnitRange } from './chunk.ts';
import { type ArchivedRow, type ArchiveReader, openArchiveReader } from './format.ts';
import type { ArchiveManifest } from './manifest.ts';
import { RowEncoder } from './row-hash.ts';

export interface DeleteRequest {
  readonly chunk: Chunk;
  readonly archivePaths: readonly string[];
  readonly manifest: ArchiveManifest;
  readonly tables: readonly UnitTable[];
  readonly schemaVersion: number;
  /** Rows that must stay now, whatever was so when they were archived. */
  readonly hold: Condition;
  /** As it is now: its triggers may change other rows, which then cannot be counted; its `adjust` runs with the deletes. */
  readonly policy: RetentionPolicy;
  /** Writes down how far it has come; durable when it returns. */
  readonly record: (progress: DeleteProgress) => void;
}

export interface DeleteProgress {
  readonly counts: Counts;
  readonly throughUnit: number;
  /** Units that stayed, since the last record. */
  readonly staleUnits: readonly UnitRange[];
}

/** What became of the units of one batch. */
interface BatchResult extends DeleteProgress {
  readonly rows: number;
}

/**
 * Deletes the rows that stand in a verified archive. Each is read again inside the transaction that deletes it and must
 * be equal byte for byte; otherwise it stays with all that would have left with it.
 */
export async function deleteArchived(
  request: DeleteRequest,
  writes: BudgetedWrites,
  context: OperationContext,
): Promise<WriteStop> {
  const { chunk, manifest } = request;
  const archive = await openArchiveReader(request.archivePaths, manifest, context);
  const batch = new DeleteBatch(request, archive, writes);
  let counts = chunk.counts;
  let throughUnit = chunk.throughUnit;
  let staleUnits: UnitRange[] = [];
  let recorded = throughUnit;
  const record = (): void => {
    if (recorded === throughUnit) return;
    request.record({ counts, throughUnit, staleUnits });
    recorded = throughUnit;
    staleUnits = [];
  };
  const total = manifest.tables.reduce((sum, table) => sum + table.sums.rows, 0);
  const progress = context.progress.start({ id: 'delete', label: 'delete archived rows', unit: 'rows', total });
  try {
    return await writes.run<BatchResult>((size) => batch.run(throughUnit, size), {
      prepare: (size) => archive.load(throughUnit + 1, throughUnit + size),
      committed(result) {
        counts = add(counts, result.counts);
        throughUnit = result.throughUnit;
        staleUnits = [...staleUnits, ...result.staleUnits];
        progress.advance(result.rows);
      },
      burst: record,
    });
  } finally {
    progress.done();
    archive.close();
    record();
  }
}

function add(a: Counts, b: Counts): Counts {
  return { deleted: a.deleted + b.deleted, stale: a.stale + b.stale, alreadyGone: a.alreadyGone + b.alreadyGone };
}

class DeleteBatch {
  readonly #request: DeleteRequest;
  readonly #archive: ArchiveReader;
  readonly #writes: BudgetedWrites;
  readonly #live: LiveUnit;
  readonly #encoder = new RowEncoder();
  readonly #adjustment: Adjustment | undefined;

  constructor(request: DeleteRequest, archive: ArchiveReader, writes: BudgetedWrites) {
    this.#request = request;
    this.#archive = archive;
    this.#writes = writes;
    this.#live = new LiveUnit(new ExactStatements(writes.connection), request.tables);
    this.#adjustment = Adjustment.of(writes.connection, request.policy, request.tables);
  }

  /** The units behind `after`, inside a write transaction. */
  run(after: number, size: number): { result: BatchResult; finished: boolean } {
    const { manifest, schemaVersion } = this.#request;
    const { connection } = this.#writes;
    requireSchema(connection, schemaVersion);
    const last = Math.min(after + size, manifest.units);
    const before = Number(connection.value('SELECT total_changes()'));
    const archived = this.#archivedUnits(after + 1, last);
    let counts: Counts = { deleted: 0, stale: 0, alreadyGone: 0 };
    const staleUnits: UnitRange[] = [];
    const left: ExactRow[] = [];
    let rows = 0;
    for (let unit = after + 1; unit <= last; unit += 1) {
      const members = archived.get(unit);
      if (members === undefined) throw new TradedbError('checksum_mismatch', `unit ${unit} is not in the archive`);
      const part = this.#unit(members);
      rows += members.reduce((sum, table) => sum + table.length, 0);
      counts = add(counts, part);
      if (part.stale > 0) staleUnits.push([unit, unit]);
      const root = members[0]?.[0];
      if (part.deleted > 0 && root !== undefined) left.push(root.row);
    }
    const changed = Number(connection.value('SELECT total_changes()')) - before;
    if (this.#request.policy.triggers !== 'fire' && changed !== counts.deleted) {
      throw new TradedbError('internal', `deleting ${counts.deleted} rows would have changed ${changed}: rolled back`);
    }
    this.#adjustment?.run(left, 1);
    return { result: { counts, throughUnit: last, staleUnits, rows }, finished: last >= manifest.units };
  }

  /** Rows of each unit, by table. */
  #archivedUnits(from: number, to: number): Map<number, ArchivedRow[][]> {
    const units = new Map<number, ArchivedRow[][]>();
    this.#request.tables.forEach((_, table) => {
      for (const row of this.#archive.between(table, from, to)) {
        const unit = units.get(row.unit) ?? this.#request.tables.map(() => []);
        unit[table]?.push(row);
        units.set(row.unit, unit);
      }
    });
    return units;
  }

  #unit(archived: readonly (readonly ArchivedRow[])[]): Counts {
    const root = archived[0]?.[0];
    if (root === undefined) throw new TradedbError('checksum_mismatch', 'a unit of the archive has no first row');
    const found = this.#live.find(0, root.key);
    const live = found === undefined ? undefined : this.#live.gather(found);
    if (live === undefined || !this.#mayLeave(archived, live)) return this.#stay(archived);
    let deleted = 0;
    for (let table = live.length - 1; table >= 0; table -= 1) {
      for (const { key } of live[table] ?? []) {
        if (this.#live.delete(table, key) !== 1) {
          throw new TradedbError('internal', 'a row that was just read could not be deleted: rolled back');
        }
        deleted += 1;
      }
    }
    const rows = archived.reduce((sum, table) => sum + table.length, 0);
    return { deleted, stale: 0, alreadyGone: rows - deleted };
  }

  /** Every live row of the unit is in the archive as it is now, nothing that stays points to it, and it is not on hold. */
  #mayLeave(archived: readonly (readonly KeyedRow[])[], live: readonly (readonly KeyedRow[])[]): boolean {
    const root = live[0]?.[0];
    if (root === undefined || this.#live.matches(root.key, this.#request.hold)) return false;
    return live.every((rows, table) => {
      const known = new Map(archived[table]?.map((row) => [this.#text(row.key), this.#text(row.row)]));
      return rows.every(
        (row) => known.get(this.#text(row.key)) === this.#text(row.row) && !this.#live.referenced(table, row.key),
      );
    });
  }

  /** The exact bytes of a row, as something that can be compared and kept. */
  #text(row: ExactRow): string {
    return Buffer.from(this.#encoder.encode(row)).toString('latin1');
  }

  #stay(archived: readonly (readonly ArchivedRow[])[]): Counts {
    let stale = 0;
    let alreadyGone = 0;
    archived.forEach((rows, table) => {
      for (const { key } of rows) {
        if (this.#live.find(table, key) === undefined) alreadyGone += 1;
        else stale += 1;
      }
    });
    return { deleted: 0, stale, alreadyGone };
  }
}
