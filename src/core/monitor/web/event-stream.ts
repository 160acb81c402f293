import type { ServerResponse } from 'node:http';
import type { Clock } from '../../context.ts';

/** Events that a client may have missed and still gets: ten minutes of one per second. */
const keptEvents = 600;
const mostUnreadBytes = 1024 * 1024;
const commentEveryMs = 15_000;

interface StreamEvent {
  readonly id: number;
  readonly text: string;
}

/** Server-sent events of one database. Ids are sample numbers, so that a client that comes back gets what it missed. */
export class EventStream {
  readonly #clock: Clock;
  readonly #ring: StreamEvent[] = [];
  readonly #clients = new Set<ServerResponse>();
  #cancelComment = (): void => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** JSON has no line break, so one data line holds it. */
  push(id: number, data: unknown): void {
    const event = { id, text: `id: ${id}\nevent: sample\ndata: ${JSON.stringify(data)}\n\n` };
    this.#ring.push(event);
    if (this.#ring.length > keptEvents) this.#ring.shift();
    for (const client of this.#clients) this.#send(client, event.text);
  }

  /** Takes a client whose response head is sent. `lastEventId` is what it has seen last. */
  add(client: ServerResponse, lastEventId: string | undefined): void {
    const newest = this.#ring.at(-1);
    const missed = this.#missedSince(lastEventId);
    client.write('retry: 2000\n\n');
    if (missed === undefined) {
      // Unknown id: this service is another one, or it was away too long. The page loads the history again.
      client.write('event: gap\ndata: {}\n\n');
    }
    for (const event of missed ?? []) client.write(event.text);
    if (lastEventId === undefined && newest !== undefined) client.write(newest.text);
    this.#clients.add(client);
    client.on('close', () => this.#remove(client));
    if (this.#clients.size === 1) this.#comment();
  }

  close(): void {
    this.#cancelComment();
    for (const client of this.#clients) client.destroy();
    this.#clients.clear();
  }

  #missedSince(lastEventId: string | undefined): StreamEvent[] | undefined {
    if (lastEventId === undefined) return [];
    const id = /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : Number.NaN;
    const index = this.#ring.findIndex((event) => event.id === id);
    return index < 0 ? undefined : this.#ring.slice(index + 1);
  }

  #send(client: ServerResponse, text: string): void {
    // A client that does not read would fill our memory.
    if (client.writableLength > mostUnreadBytes) client.destroy();
    else client.write(text);
  }

  /** Keeps proxies from closing a stream that has nothing to say, and notices clients that are gone. */
  #comment(): void {
    this.#cancelComment = this.#clock.after(commentEveryMs, () => {
      for (const client of this.#clients) this.#send(client, ': alive\n\n');
      if (this.#clients.size > 0) this.#comment();
    });
  }

  #remove(client: ServerResponse): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#cancelComment();
  }
}
