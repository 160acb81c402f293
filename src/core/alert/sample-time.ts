import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { Clock } from '../context.ts';
import type { SampleTime } from './state.ts';

/** Now, on both clocks. The clock of a process begins with the process; only that of the boot compares between runs. */
export function sampleTime(clock: Clock): SampleTime {
  return { wallMs: clock.wallTime(), monotonicMs: Math.round(uptime() * 1000), bootId: readBootId() };
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
