import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3mini } from 's3mini';

/**
 * An HTTP proxy on loopback before a real S3-compatible server. It misbehaves on demand, and can add what that server
 * does not have. The Host header is passed on, so that signatures stay valid.
 */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly body?: string }
  /** Answers after this time. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Sends half of the answer and cuts the connection. */
  | { readonly kind: 'cut' }
  /** Sends half of the answer as if it were all. */
  | { readonly kind: 'short' }
  /** Does what was asked and loses the answer. */
  | { readonly kind: 'lost' };

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
}

export interface FaultProxy {
  readonly endpoint: string;
  /** Misbehaves for the next `times` requests that `applies` takes. */
  fail(fault: Fault, times: number, applies?: (seen: SeenRequest) => boolean): void;
  /** What came through, oldest first. */
  readonly seen: readonly SeenRequest[];
  stop(): Promise<void>;
}

export interface ProxyOptions {
  /**
   * `If-None-Match: *` on a PUT: `enforce` answers 412 where the object is there; `ignore` overwrites it, as hostile
   * servers do. By default the header goes on to the server.
   */
  readonly condition?: 'enforce' | 'ignore';
  /** Changes every ETag, as servers that encrypt do. */
  readonly strangeEtag?: boolean;
}

interface Upstream {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | number | undefined>;
  readonly body: Buffer;
}

export async function startFaultProxy(upstream: Upstream, options: ProxyOptions = {}): Promise<FaultProxy> {
  const faults: { fault: Fault; left: number; applies: (seen: SeenRequest) => boolean }[] = [];
  const seen: SeenRequest[] = [];
  const exclusive = oneAfterTheOther();
  const answerOf = async (incoming: IncomingMessage, body: Buffer): Promise<Answer> => {
    const conditional = incoming.method === 'PUT' && incoming.headers['if-none-match'] === '*';
    if (!conditional || options.condition === undefined) return ask(upstream, incoming, body);
    return exclusive(() => putOnCondition(upstream, incoming.url ?? '/', body, options.condition === 'enforce'));
  };
  const server = createServer((incoming, outgoing) => {
    const one = { method: incoming.method ?? 'GET', path: incoming.url ?? '/' };
    seen.push(one);
    const hit = faults.find((candidate) => candidate.left > 0 && candidate.applies(one));
    if (hit !== undefined) hit.left -= 1;
    const work = async (): Promise<void> => {
      const body = await bytesOf(incoming);
      if (hit?.fault.kind === 'status') {
        reply(outgoing, { status: hit.fault.status, headers: {}, body: Buffer.from(hit.fault.body ?? '') });
        return;
      }
      if (hit?.fault.kind === 'slow') await sleep(hit.fault.ms);
      const answer = await answerOf(incoming, body);
      if (options.strangeEtag === true && answer.headers.etag !== undefined) answer.headers.etag = '"not-an-md5"';
      reply(outgoing, answer, hit?.fault);
    };
    work().catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    seen,
    fail: (fault, times, applies = () => true) => {
      faults.push({ fault, left: times, applies });
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function reply(outgoing: ServerResponse, answer: Answer, fault?: Fault): void {
  if (fault?.kind === 'lost') {
    outgoing.destroy();
    return;
  }
  const half = answer.body.subarray(0, Math.floor(answer.body.length / 2));
  const { 'transfer-encoding': _, connection: __, ...headers } = answer.headers;
  const length = fault?.kind === 'short' ? half.length : Number(headers['content-length'] ?? answer.body.length);
  outgoing.writeHead(answer.status, { ...headers, 'content-length': length });
  if (fault?.kind === 'cut') {
    outgoing.write(half, () => outgoing.destroy());
    return;
  }
  outgoing.end(fault?.kind === 'short' ? half : answer.body);
}

function ask(upstream: Upstream, incoming: IncomingMessage, body: Buffer): Promise<Answer> {
  const { hostname, port } = new URL(upstream.endpoint);
  return new Promise((resolve, reject) => {
    const { method, headers, url: path } = incoming;
    const outgoing = request({ hostname, port, method, path, headers }, (response) => {
      bytesOf(response).then(
        (bytes) => resolve({ status: response.statusCode ?? 500, headers: { ...response.headers }, body: bytes }),
        reject,
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** The header is a part of the signature: the request is made anew without it. */
async function putOnCondition(upstream: Upstream, path: string, body: Buffer, enforce: boolean): Promise<Answer> {
  const [bucket = '', ...rest] = path.slice(1).split('/').map(decodeURIComponent);
  const key = rest.join('/');
  const client = new S3mini({ ...upstream, endpoint: `${upstream.endpoint}/${bucket}`, region: 'us-east-1' });
  if (enforce && (await client.objectExists(key)) === true) {
    const xml = '<?xml version="1.0"?><Error><Code>PreconditionFailed</Code><Message>there already</Message></Error>';
    return { status: 412, headers: { 'content-type': 'application/xml' }, body: Buffer.from(xml) };
  }
  const stored = await client.putObject(key, body);
  return { status: stored.status, headers: { etag: stored.headers.get('etag') ?? undefined }, body: Buffer.alloc(0) };
}

function oneAfterTheOther() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work);
    last = next.catch(() => {});
    return next;
  };
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}
