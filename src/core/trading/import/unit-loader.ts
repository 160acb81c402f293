import type { Connection } from '../../sqlite/connection.ts';
import { OrderChanger } from './change-order.ts';
import { LedgerBook } from './ledger-book.ts';
import { MarketLoader } from './load-market.ts';
import { OrderLoader } from './load-order.ts';
import { type Loaded, StateLoader } from './load-state.ts';
import { NumberReader } from './number-reader.ts';
import { prepareOrder } from './prepared-order.ts';
import type { Quarantine } from './quarantine.ts';
import type { Reason } from './reason.ts';
import { type Reference, type References, sameHash } from './references.ts';
import { rowHash, rowJson } from './row-record.ts';
import type { SourceRow, SourceStream } from './source.ts';
import type { TargetCatalog } from './target-catalog.ts';
import { Unfit } from './unfit.ts';
import type { AttributesUnit, FundingUnit, LockUnit, Mapped, OrderUnit, RelatedRow, StateUnit } from './unit.ts';

/** What became of a row. */
export type Outcome = 'new' | 'same' | 'updated' | 'held' | 'nothing';

/** Things worth telling, counted by their text. */
export class NoteBook {
  readonly counts = new Map<string, number>();
  /** Rows are mapped more than once; only one of the passes counts. */
  isOpen = false;

  add(note: string, times = 1): void {
    if (!this.isOpen) return;
    this.counts.set(note, (this.counts.get(note) ?? 0) + times);
  }
}

export interface LoaderPorts {
  readonly connection: Connection;
  readonly target: TargetCatalog;
  readonly references: References;
  readonly quarantine: Quarantine;
  readonly notes: NoteBook;
}

type StateLike = FundingUnit | LockUnit | StateUnit;

/** Puts one row of the source into the target, as a unit, or into quarantine. Inside a transaction of the target. */
export class UnitLoader {
  readonly numbers = new NumberReader();
  readonly ledger: LedgerBook;
  /** True once a fill came that has to be booked. */
  hasUnbookedFills = false;
  /** True when the last row changed the target. */
  wrote = false;
  /** Rows that came and are in the target, by entity: fewer than there are references means that some are gone. */
  readonly seen = new Map<string, number>();
  readonly #target: TargetCatalog;
  readonly #references: References;
  readonly #quarantine: Quarantine;
  readonly #notes: NoteBook;
  readonly #connection: Connection;
  readonly #orders: OrderLoader;
  readonly #changer: OrderChanger;
  readonly #state: StateLoader;
  #market: MarketLoader | undefined;

  constructor(ports: LoaderPorts) {
    const { connection, target, references, quarantine, notes } = ports;
    this.ledger = new LedgerBook(connection);
    this.#connection = connection;
    this.#target = target;
    this.#references = references;
    this.#quarantine = quarantine;
    this.#notes = notes;
    this.#orders = new OrderLoader(connection, target, this.ledger);
    this.#changer = new OrderChanger(connection, { target, ledger: this.ledger, loader: this.#orders });
    this.#state = new StateLoader(connection, { target, ledger: this.ledger, numbers: this.numbers });
  }

  load(stream: SourceStream, row: SourceRow, mapped: Mapped): Outcome {
    this.wrote = false;
    switch (mapped.kind) {
      case 'nothing':
        return 'nothing';
      case 'held':
        return this.#hold({ stream, row, externalId: mapped.externalId, related: mapped.related }, mapped);
      case 'part':
        return this.#part(stream, row, mapped);
      case 'candle':
      case 'market':
        return this.#marketRow(stream, row, mapped);
      case 'order':
        return this.#order({ stream, row, externalId: mapped.externalId, related: mapped.related }, mapped);
      case 'attributes':
        return this.#attributes({ stream, row, externalId: mapped.externalId, related: undefined }, mapped);
      default: {
        const related = mapped.kind === 'funding' ? mapped.related : undefined;
        return this.#stateRow({ stream, row, externalId: mapped.externalId, related }, mapped);
      }
    }
  }

  /** A row that was taken from the source and is not there any more; what is stored stays. */
  holdGone(stream: SourceStream, externalId: string): boolean {
    return this.#quarantine.hold({
      stream: stream.name,
      externalId,
      reason: 'source_changed',
      detail: 'the source does not have it any more',
      hash: rowHash([externalId], undefined),
      json: () => rowJson(stream.table, [], []),
    });
  }

  /** The reference of a row that comes now. */
  #find(entity: string, externalId: string): Reference | undefined {
    const known = this.#references.find(entity, externalId);
    if (known !== undefined) this.seen.set(entity, (this.seen.get(entity) ?? 0) + 1);
    return known;
  }

  /** A row that shares the fate of a unit of another stream. */
  #part(stream: SourceStream, row: SourceRow, part: { entity: string; externalId: string }): Outcome {
    const externalId = stream.externalId(row);
    if (this.#references.find(part.entity, part.externalId) === undefined) {
      const why = { reason: 'parent_held', detail: `${part.entity} ${part.externalId} is held` } as const;
      return this.#hold({ stream, row, externalId, related: undefined }, why);
    }
    this.#resolve(stream, externalId);
    return 'same';
  }

  #order(item: Item, unit: OrderUnit): Outcome {
    const hash = rowHash(item.row, unit.related);
    const known = this.#find('order', unit.externalId);
    if (known !== undefined && sameHash(known.hash, hash)) return this.#unchanged(item);
    const order = prepareOrder(unit, this.#target, this.numbers);
    if (order instanceof Unfit) return known === undefined ? this.#hold(item, order) : this.#contradicts(item, order);
    const parent = unit.parent === undefined ? undefined : this.#references.find('order', unit.parent);
    if (unit.parent !== undefined && parent === undefined) {
      return this.#hold(item, new Unfit('parent_held', `order ${unit.parent}, which it belongs to, is held`));
    }
    if (known !== undefined) {
      const changed = this.#changer.apply(known.entityId, order);
      if (changed instanceof Unfit) return this.#hold(item, changed);
      for (const fill of changed.fills) this.#fillReference(fill, hash);
      this.hasUnbookedFills ||= changed.fills.length > 0;
    } else {
      const stored = this.#orders.insert(order, parent?.entityId ?? null);
      if (stored === undefined) return this.#hold(item, this.#taken(unit));
      if (stored.isLifeReplaced) this.#notes.add('orders whose events are no legal life: told by their totals instead');
      for (const [at, fillId] of stored.fillIds.entries()) {
        const part = unit.fills[at];
        if (part !== undefined) this.#fillReference({ ...part, fillId }, hash);
      }
      this.hasUnbookedFills ||= stored.fillIds.length > 0;
      this.#references.put('order', unit.externalId, stored.orderId, hash);
    }
    if (known !== undefined) this.#references.put('order', unit.externalId, known.entityId, hash);
    this.#references.attributes('order', unit.externalId, unit.attributes);
    return this.#entered(item, known);
  }

  /** Fills that stand for the totals of an order are known by the order. */
  #fillReference(fill: { externalId: string; fillId: number; synthetic: boolean }, hash: Uint8Array): void {
    if (!fill.synthetic) this.#references.put('fill', fill.externalId, fill.fillId, hash);
  }

  #taken(unit: OrderUnit): Unfit {
    const accountId = this.#target.accountId(unit.account);
    const byClient = this.#connection.value(
      'SELECT order_id FROM orders WHERE account_id = ? AND client_order_id = ?',
      [accountId, unit.clientOrderId],
    );
    const which =
      byClient === undefined ? `venue order id ${unit.venueOrderId}` : `client order id ${unit.clientOrderId}`;
    return new Unfit('duplicate_conflict', `the account has an order with ${which} already`);
  }

  #attributes(item: Item, unit: AttributesUnit): Outcome {
    const hash = rowHash(item.row, undefined);
    const known = this.#find(unit.entity, unit.externalId);
    const order = unit.order === undefined ? undefined : this.#references.find('order', unit.order);
    const orderId = order?.entityId ?? 0;
    if (known !== undefined && sameHash(known.hash, hash) && known.entityId === orderId) return this.#unchanged(item);
    this.#references.put(unit.entity, unit.externalId, orderId, hash);
    this.#references.attributes(unit.entity, unit.externalId, unit.attributes);
    return this.#entered(item, known);
  }

  #stateRow(item: Item, unit: StateLike): Outcome {
    const hash = rowHash(item.row, item.related);
    const known = this.#find(unit.kind, unit.externalId);
    if (known !== undefined && sameHash(known.hash, hash)) return this.#unchanged(item);
    const loaded = this.#loadState(unit, known);
    if (loaded === undefined) return 'nothing';
    if (loaded instanceof Unfit) return this.#hold(item, loaded);
    this.#references.put(unit.kind, unit.externalId, loaded, hash);
    return this.#entered(item, known);
  }

  #loadState(unit: StateLike, known: Reference | undefined): Loaded {
    switch (unit.kind) {
      case 'funding':
        return this.#state.funding(unit, known);
      case 'lock':
        return this.#state.lock(unit, known);
      case 'state':
        return this.#state.state(unit, known);
    }
  }

  #marketRow(stream: SourceStream, row: SourceRow, unit: Mapped & { kind: 'candle' | 'market' }): Outcome {
    this.#market ??= new MarketLoader(this.#connection, { target: this.#target, numbers: this.numbers });
    const outcome = unit.kind === 'candle' ? this.#market.candle(unit) : this.#market.market(unit);
    if (outcome instanceof Unfit) {
      return this.#hold({ stream, row, externalId: stream.externalId(row), related: undefined }, outcome);
    }
    this.wrote = outcome === 'new';
    if (this.#quarantine.count(stream.name) > 0) this.#resolve(stream, stream.externalId(row));
    return outcome;
  }

  #contradicts(item: Item, { reason, detail }: Unfit): Outcome {
    return this.#hold(item, new Unfit('source_changed', `${reason}: ${detail}`));
  }

  #hold(item: Item, why: { readonly reason: Reason; readonly detail: string | null }): Outcome {
    const { stream, row, externalId, related } = item;
    this.wrote ||= this.#quarantine.hold({
      stream: stream.name,
      externalId,
      reason: why.reason,
      detail: why.detail,
      hash: rowHash(row, related),
      json: () => rowJson(stream.table, stream.columns, row, related),
    });
    return 'held';
  }

  #unchanged({ stream, externalId }: Item): Outcome {
    this.#resolve(stream, externalId);
    return 'same';
  }

  #entered({ stream, externalId }: Item, known: Reference | undefined): Outcome {
    this.#resolve(stream, externalId);
    this.wrote = true;
    return known === undefined ? 'new' : 'updated';
  }

  #resolve(stream: SourceStream, externalId: string): void {
    if (this.#quarantine.resolve(stream.name, externalId)) this.wrote = true;
  }
}

interface Item {
  readonly stream: SourceStream;
  readonly row: SourceRow;
  readonly externalId: string;
  readonly related: readonly RelatedRow[] | undefined;
}
