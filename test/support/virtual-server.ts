import { CounterDraw } from '../../src/core/loadtest/stream/draw.ts';

/** A database on a virtual clock: one server, a queue, and a stall every so many transactions, as a checkpoint makes. */
export interface VirtualServer {
  readonly serviceMs: number;
  readonly stallMs: number;
  readonly stallEvery: number;
  /** Standard deviation of the logarithm of the speed of a trial. */
  readonly noise: number;
}

/** 99th percentile of the response time in milliseconds, after the first fifth, of Poisson arrivals at a rate. */
export function virtualP99(server: VirtualServer, rate: number, seconds: number, draw: CounterDraw): number {
  const normal = Math.sqrt(2 * draw.exponential()) * Math.cos(2 * Math.PI * draw.uniform());
  const service = server.serviceMs * Math.exp(server.noise * normal);
  const responses: number[] = [];
  let due = 0;
  let free = 0;
  let until = draw.integer(server.stallEvery);
  for (;;) {
    due += (draw.exponential() * 1000) / rate;
    if (due > seconds * 1000) break;
    const start = Math.max(due, free);
    until -= 1;
    free = start + service * (0.5 + draw.uniform()) + (until <= 0 ? server.stallMs : 0);
    if (until <= 0) until = server.stallEvery;
    if (due > seconds * 200) responses.push(free - due);
  }
  responses.sort((a, b) => a - b);
  return responses[Math.ceil(responses.length * 0.99) - 1] ?? 0;
}

/** The true knee, from long runs without noise. */
export function trueKnee(server: VirtualServer, limitMs: number): number {
  const steady = { ...server, noise: 0 };
  let low = 1;
  let high = 1000 / server.serviceMs;
  while (high / low > 1.002) {
    const middle = Math.sqrt(low * high);
    if (virtualP99(steady, middle, 120, new CounterDraw(1, 9).start(0)) <= limitMs) low = middle;
    else high = middle;
  }
  return Math.sqrt(low * high);
}
