// Preloaded into a process (--import): lists every module that it loads, import and require alike, in the file named by
// LOADED_MODULES.
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

registerHooks({
  load(url, context, nextLoad) {
    appendFileSync(process.env.LOADED_MODULES, `${process.pid} ${url}\n`);
    return nextLoad(url, context);
  },
});
