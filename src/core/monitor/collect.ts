import type { OperationContext } from '../context.ts';
import { throwIfCancelled } from '../error.ts';
import type { Finding } from '../report.ts';
import type { Rates, SecondPoint } from './rates.ts';
import type { Sample } from './sample.ts';
import { Watch, type WatchSettings } from './watch.ts';

export interface Collected {
  readonly samples: readonly Sample[];
  readonly rates: Rates;
  readonly points: readonly SecondPoint[];
  readonly objectRates: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  readonly lastCheckpointAt: string | undefined;
}

/** Takes samples until `enough` says so. */
export async function collectSamples(
  settings: WatchSettings,
  context: OperationContext,
  enough: (samples: readonly Sample[]) => boolean,
  onSample: (sample: Sample) => void = () => {},
): Promise<Collected> {
  const samples: Sample[] = [];
  const watch = new Watch(settings, context, (sample) => {
    if (enough(samples)) return;
    samples.push(sample);
    onSample(sample);
    if (enough(samples)) void watch.stop();
  });
  try {
    await watch.run();
  } finally {
    await watch.stop();
  }
  throwIfCancelled(context.signal);
  const { rates, points, objectRates, lastCheckpointAt } = watch.rates;
  return { samples, rates, points, objectRates, findings: watch.findings, lastCheckpointAt };
}
