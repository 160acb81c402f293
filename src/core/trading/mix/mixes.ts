import type { Mix } from './mix.ts';
import { mm } from './mm.ts';
import { oms } from './oms.ts';
import { tpce } from './tpce.ts';

/** The load mixes on the reference schema, by name. */
export const mixes: readonly Mix[] = [oms, mm, tpce];
