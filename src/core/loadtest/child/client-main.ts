import { PerformanceObserver } from 'node:perf_hooks';
import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { Client, type ClientHost } from './client.ts';
import { errorMessage } from './error-message.ts';
import type { FromClient, ToClient } from './protocol.ts';

// Entry of a load-generating process. The parent tells it when to end; signals of the terminal reach the whole process
// group and are the parent's business.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(1));

let gcPauseMs = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) gcPauseMs += entry.duration;
}).observe({ entryTypes: ['gc'] });

function send(message: FromClient): void {
  process.send?.(message);
}

const host: ClientHost = {
  clock: systemClock,
  random: systemRandom,
  nodeVersion: process.version,
  turn: () => new Promise((resolve) => setImmediate(resolve)),
  monotonicOf: (wallMs) => wallMs - performance.timeOrigin,
  send,
  resources: () => {
    const usage = process.resourceUsage();
    return {
      cpuUserMs: usage.userCPUTime / 1000,
      cpuSystemMs: usage.systemCPUTime / 1000,
      voluntarySwitches: usage.voluntaryContextSwitches,
      involuntarySwitches: usage.involuntaryContextSwitches,
      // getrusage counts blocks of 512 bytes.
      readBytes: usage.fsRead * 512,
      writeBytes: usage.fsWrite * 512,
      maxRssBytes: usage.maxRSS * 1024,
      gcPauseMs,
    };
  },
};

let client: Client | undefined;

async function handle(message: ToClient): Promise<void> {
  switch (message.type) {
    case 'setup':
      client = await Client.open(message, host);
      return;
    case 'rehearse':
      client?.rehearse(message.calls);
      return;
    case 'phase':
      await client?.phase(message);
      return;
    case 'stop':
      client?.stop();
      return;
    case 'exit':
      client?.close();
      process.disconnect?.();
      return;
  }
}

process.on('message', (message: ToClient) => {
  handle(message).catch((error: unknown) => {
    send(errorMessage(error));
  });
});
