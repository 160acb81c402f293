import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { EventStream } from './event-stream.ts';
import { bearsToken, type GuardSettings, judgeRequest, type Listen } from './guard.ts';
import { RateLimit, wrongTokenCost } from './rate-limit.ts';
import { Sessions } from './sessions.ts';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface Question {
  readonly accept: string;
  readonly query: URLSearchParams;
}

/** Answers by exact path; no request path reaches the file system. */
export type Routes = ReadonlyMap<string, (question: Question) => Answer | Promise<Answer>>;

export interface ServerSettings {
  readonly guard: GuardSettings;
  /** Per second and address. */
  readonly requestLimit: number;
  /** There is a page for browsers: they are sent to the login. */
  readonly dashboard: boolean;
}

export interface ServerContent {
  readonly routes: Routes;
  /** The stream of a database; undefined: no such database. */
  readonly stream: (query: URLSearchParams) => EventStream | undefined;
}

const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

const mostConnections = 64;
const mostStreams = 16;
const headerTimeoutMs = 10_000;
const mostHeaderBytes = 8192;
const mostPathBytes = 2048;

/** Reasons that are worth a line in the log only now and then: a scanner must not fill the disk. */
const logEveryMs = 10_000;

/** A read-only server: GET and HEAD, a fixed table of paths, streams of events. */
export class WebServer {
  readonly #content: ServerContent;
  readonly #context: OperationContext;
  readonly #server: Server;
  readonly #sessions: Sessions;
  #settings: ServerSettings;
  #limit: RateLimit;
  #streams = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(settings: ServerSettings, content: ServerContent, context: OperationContext) {
    this.#settings = settings;
    this.#content = content;
    this.#context = context;
    this.#sessions = new Sessions(context.clock, context.random);
    this.#limit = this.#makeLimit();
    this.#server = createServer(
      { maxHeaderSize: mostHeaderBytes, headersTimeout: headerTimeoutMs, connectionsCheckingInterval: 1000 },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = mostConnections;
    this.#server.requestTimeout = headerTimeoutMs;
  }

  /** Port that it listens on. Fails with `usage` when the address cannot be had. */
  listen({ host, port }: Listen): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => {
        reject(
          new TradedbError('usage', `cannot listen on ${host}:${port}: ${error.message}`, {
            hint: 'choose another address with --listen',
            cause: error,
          }),
        );
      });
      this.#server.listen(port, host, () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  /** New tokens end the sessions that were begun with the old one. */
  change(settings: ServerSettings): void {
    if (settings.guard.token !== this.#settings.guard.token) this.#sessions.end();
    this.#settings = settings;
    this.#limit = this.#makeLimit();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #makeLimit(): RateLimit {
    return new RateLimit(this.#settings.requestLimit, () => this.#context.clock.now());
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '/' } = request;
    response.on('error', () => {});
    const address = request.socket.remoteAddress ?? '';
    if (!this.#limit.allows(address)) return this.#refuse(response, method, 429, { 'retry-after': '1' });
    if (url.length > mostPathBytes) return this.#refuse(response, method, 414);
    const [path = '/'] = url.split('?', 1);
    const query = new URLSearchParams(url.slice(path.length + 1));
    const verdict = this.#judge(request, path);
    if (verdict !== 'allowed') {
      if (verdict.status === 401) return this.#askForToken(request, response, path);
      return this.#refuse(response, method, verdict.status);
    }
    if (path === '/login' && request.headers.authorization !== undefined) return this.#login(request, response);
    if (path === '/api/events') return this.#stream(request, response, query);
    const route = this.#content.routes.get(path);
    if (route === undefined) return this.#refuse(response, method, 404);
    try {
      send(response, await route({ accept: request.headers.accept ?? '', query }), method);
    } catch (error) {
      this.#context.log.error('request_failed', { path, error: String(error) });
      this.#refuse(response, method, 500);
    }
  }

  #judge(request: IncomingMessage, path: string) {
    const { headers: asked, method = '' } = request;
    const single = (name: string): string | undefined => {
      const value = asked[name];
      return typeof value === 'string' ? value : undefined;
    };
    return judgeRequest(
      {
        method,
        path,
        host: asked.host,
        authorization: asked.authorization,
        origin: asked.origin,
        fetchSite: single('sec-fetch-site'),
        fetchMode: single('sec-fetch-mode'),
        hasSession: this.#sessions.holds(asked.cookie),
      },
      this.#settings.guard,
    );
  }

  /** Programs get 401, a browser that opens the page gets the login. */
  #askForToken(request: IncomingMessage, response: ServerResponse, path: string): void {
    const { method = '', headers: asked } = request;
    if (asked.authorization !== undefined) this.#limit.charge(request.socket.remoteAddress ?? '', wrongTokenCost);
    if (path === '/' && this.#settings.dashboard && asked.authorization === undefined) {
      this.#refuse(response, method, 303, { location: '/login' });
    } else this.#refuse(response, method, 401, { 'www-authenticate': 'Bearer' });
  }

  /** Exchanges the token for a cookie: once, in a header, so that it is in no address and no log. */
  #login(request: IncomingMessage, response: ServerResponse): void {
    const { token } = this.#settings.guard;
    const { method = '' } = request;
    if (token === undefined || !bearsToken(request.headers.authorization, token)) {
      this.#limit.charge(request.socket.remoteAddress ?? '', wrongTokenCost);
      this.#refuse(response, method, 401, { 'www-authenticate': 'Bearer' });
      return;
    }
    response.writeHead(204, { ...headers, 'set-cookie': this.#sessions.begin() }).end();
  }

  #stream(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void {
    const { method = '' } = request;
    const stream = this.#content.stream(query);
    if (stream === undefined) {
      this.#refuse(response, method, 404);
      return;
    }
    if (this.#streams >= mostStreams) {
      this.#refuse(response, method, 503, { 'retry-after': '10' });
      return;
    }
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8' });
    if (method === 'HEAD') {
      response.end();
      return;
    }
    this.#streams += 1;
    response.on('close', () => {
      this.#streams -= 1;
    });
    const lastEventId = request.headers['last-event-id'];
    stream.add(response, typeof lastEventId === 'string' ? lastEventId : undefined);
  }

  #refuse(response: ServerResponse, method: string, status: number, extra: Record<string, string> = {}): void {
    if (status >= 400 && status !== 404) this.#log(status);
    const body = status === 404 ? 'not found\n' : 'refused\n';
    send(response, { status, type: 'text/plain; charset=utf-8', body }, method, extra);
  }

  #log(status: number): void {
    const now = this.#context.clock.now();
    if (now - this.#loggedAt < logEveryMs) return;
    this.#loggedAt = now;
    this.#context.log.warn('request_refused', { status });
  }
}

function send(
  response: ServerResponse,
  { status, type, body }: Answer,
  method: string,
  extra: Record<string, string> = {},
): void {
  response.writeHead(status, { ...headers, ...extra, 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(method === 'HEAD' ? undefined : body);
}
