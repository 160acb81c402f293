import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { Instrument } from '../instrument.ts';
import { createOrderStore, type OrderStore } from '../store/order-store.ts';
import { microseconds } from '../time.ts';
import { type MixInstrument, type MixMarket, prepareMixMarket, readMixMarket } from './market.ts';

export interface MixSettings {
  /** Marks client order ids and trade ids: different in each process that writes. */
  readonly runId: string;
  readonly seed: number;
  /** Off: no audit rows. */
  readonly audit?: boolean;
}

/** An order that this session has placed; the database may have rolled it back meanwhile. */
export interface OwnOrder {
  readonly accountId: number;
  readonly clientOrderId: string;
}

/** What the transactions of a mix share in one process: the store, the market, and the orders of their own. */
export class MixSession {
  readonly connection: Connection;
  readonly store: OrderStore;
  readonly market: MixMarket;
  readonly runId: string;
  /** Placed, not acknowledged. */
  readonly pending: OwnOrder[] = [];
  /** Acknowledged, believed open. */
  readonly working: OwnOrder[] = [];
  readonly #instruments: ReadonlyMap<number, Instrument>;
  readonly #assets: ReadonlyMap<number, string>;
  #counter = 0;

  constructor(connection: Connection, settings: MixSettings) {
    this.connection = connection;
    this.runId = settings.runId;
    this.market = readMixMarket(connection);
    this.#instruments = new Map(this.market.instruments.map(({ instrument }) => [instrument.id, instrument]));
    this.#assets = new Map(
      connection
        .all<{ asset_id: number; code: string }>('SELECT asset_id, code FROM assets')
        .map((row) => [row.asset_id, row.code]),
    );
    this.store = createOrderStore(connection, { actor: `loadtest ${settings.runId}`, audit: settings.audit ?? true });
  }

  nowUs(): number {
    return microseconds(this.connection.ports.clock.wallTime());
  }

  /** An id that no other process gives. */
  nextId(prefix: string): string {
    this.#counter += 1;
    return `${prefix}${this.runId}-${this.#counter}`;
  }

  nextNumber(): number {
    this.#counter += 1;
    return this.#counter;
  }

  /** The instrument of a Zipf rank. */
  instrument(rank: number): MixInstrument {
    const { instruments } = this.market;
    return instruments[(rank - 1) % instruments.length] as MixInstrument;
  }

  /** Throws `unknown_instrument` for one that is not traded. */
  instrumentOf(instrumentId: number): Instrument {
    const found = this.#instruments.get(instrumentId);
    if (found === undefined)
      throw new TradedbError('unknown_instrument', `instrument ${instrumentId} is not in the mix`);
    return found;
  }

  assetCode(assetId: number): string {
    return this.#assets.get(assetId) ?? '';
  }

  /** A fifth of the accounts gets four fifths of the work. */
  account(share: number, accounts: readonly number[] = this.market.accounts): number {
    const hot = Math.max(1, Math.floor(accounts.length / 5));
    const index = share < 0.8 ? (share / 0.8) * hot : hot + ((share - 0.8) / 0.2) * (accounts.length - hot);
    return accounts[Math.min(accounts.length - 1, Math.floor(index))] as number;
  }

  /** Takes an order out of a list at a position in [0, 1); the order of the list does not matter. */
  take(list: OwnOrder[], share: number): OwnOrder | undefined {
    const index = Math.floor(share * list.length);
    const taken = list[index];
    const last = list.pop();
    if (taken !== undefined && last !== undefined && index < list.length) list[index] = last;
    return taken;
  }
}

/** Prepares the database when that was not done, and reads what the transactions need. */
export function openMixSession(connection: Connection, settings: MixSettings): MixSession {
  prepareMixMarket(connection);
  return new MixSession(connection, settings);
}
