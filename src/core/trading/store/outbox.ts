import type { StoreEvent } from './types.ts';

export interface EventFilter {
  readonly kinds?: readonly StoreEvent['kind'][];
  readonly accountId?: number;
  readonly instrumentId?: number;
}

export type Listener = (event: StoreEvent) => void;

interface Subscription {
  readonly filter: EventFilter;
  readonly listener: Listener;
}

function wanted(event: StoreEvent, filter: EventFilter): boolean {
  return (
    (filter.kinds === undefined || filter.kinds.includes(event.kind)) &&
    (filter.accountId === undefined || filter.accountId === event.accountId) &&
    (filter.instrumentId === undefined || filter.instrumentId === event.instrumentId)
  );
}

/**
 * Events wait here until the transaction that made them true is committed. A listener that throws is told of once and
 * removed: it must not keep the others from hearing.
 */
export class Outbox {
  readonly #subscriptions = new Set<Subscription>();
  readonly #queue: StoreEvent[] = [];
  readonly #onListenerError: (error: unknown) => void;
  #delivering = false;

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  get hasListeners(): boolean {
    return this.#subscriptions.size > 0;
  }

  subscribe(filter: EventFilter, listener: Listener): () => void {
    const subscription = { filter, listener };
    this.#subscriptions.add(subscription);
    return () => this.#subscriptions.delete(subscription);
  }

  /** Delivers in order; events that a listener causes come after the ones that wait already. */
  deliver(events: readonly StoreEvent[]): void {
    this.#queue.push(...events);
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) this.#tell(event);
    } finally {
      this.#delivering = false;
    }
  }

  #tell(event: StoreEvent): void {
    for (const subscription of [...this.#subscriptions]) {
      if (!wanted(event, subscription.filter)) continue;
      try {
        subscription.listener(event);
      } catch (error) {
        this.#subscriptions.delete(subscription);
        this.#onListenerError(error);
      }
    }
  }
}
