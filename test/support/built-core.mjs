// For scripts that run the built core: loads its modules from `dist`, and gives a context that shows and logs nothing.
import { pathToFileURL } from 'node:url';

const nothing = () => {};

export async function builtCore(dist) {
  const load = (file) => import(pathToFileURL(`${dist}/${file}`).href);
  const { systemClock } = await load('system/system-clock.js');
  const { systemRandom } = await load('system/system-random.js');
  const context = {
    clock: systemClock,
    random: systemRandom,
    signal: new AbortController().signal,
    progress: { start: () => ({ advance: nothing, total: nothing, done: nothing }) },
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  };
  return { load, context };
}
