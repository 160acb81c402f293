// Interleaved slices of several contenders in one process, medians of the ratios of each round.

/**
 * @typedef {{ name: string, run: (ms: number) => Promise<Sample> | Sample }} Contender
 * @typedef {{ operations: number, wallMs: number, cpuMs: number }} Sample
 * @typedef {{ name: string, perSecond: number, cpuUs: number, wallRatio: number, cpuRatio: number }} Result
 */

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/**
 * Runs `step` until `ms` have passed. The clock is read every `stride` steps.
 * @param {number} ms
 * @param {number} stride
 * @param {() => void} step
 * @returns {Sample}
 */
export function loop(ms, stride, step) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  let operations = 0;
  while (performance.now() - start < ms) {
    for (let i = 0; i < stride; i++) step();
    operations += stride;
  }
  return sample(operations, start, cpu);
}

/**
 * @param {number} ms
 * @param {number} stride
 * @param {() => Promise<unknown>} step
 * @returns {Promise<Sample>}
 */
export async function loopAsync(ms, stride, step) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  let operations = 0;
  while (performance.now() - start < ms) {
    for (let i = 0; i < stride; i++) await step();
    operations += stride;
  }
  return sample(operations, start, cpu);
}

/**
 * @param {number} operations
 * @param {number} start
 * @param {NodeJS.CpuUsage} cpu
 * @returns {Sample}
 */
function sample(operations, start, cpu) {
  const { user, system } = process.cpuUsage(cpu);
  return { operations, wallMs: performance.now() - start, cpuMs: (user + system) / 1000 };
}

/**
 * All contenders in turn, `rounds` times after one round to warm up; the order turns round every other time. Ratios are
 * medians of the rounds' own ratios to the first contender: rate over rate, CPU per operation over the same.
 * @param {readonly Contender[]} contenders
 * @param {{ rounds: number, sliceMs: number }} options
 * @returns {Promise<Result[]>}
 */
export async function interleave(contenders, { rounds, sliceMs }) {
  /** @type {Map<string, Sample[]>} */
  const samples = new Map(contenders.map(({ name }) => [name, []]));
  for (const contender of contenders) await contender.run(sliceMs);
  for (let round = 0; round < rounds; round++) {
    for (const contender of round % 2 ? contenders.toReversed() : contenders) {
      samples.get(contender.name)?.push(await contender.run(sliceMs));
    }
  }
  const rate = (/** @type {Sample} */ { operations, wallMs }) => (operations / wallMs) * 1000;
  const cost = (/** @type {Sample} */ { operations, cpuMs }) => (cpuMs / operations) * 1000;
  const base = samples.get(contenders[0]?.name ?? '') ?? [];
  return contenders.map(({ name }) => {
    const own = samples.get(name) ?? [];
    const ratios = (/** @type {(sample: Sample) => number} */ of) =>
      median(own.map((each, round) => of(each) / of(base[round] ?? each)));
    return {
      name,
      perSecond: median(own.map(rate)),
      cpuUs: median(own.map(cost)),
      wallRatio: ratios(rate),
      cpuRatio: ratios(cost),
    };
  });
}

/**
 * @param {string} title
 * @param {readonly Result[]} results
 */
export function print(title, results) {
  console.log(`\n${title}`);
  const [base] = results;
  console.log(
    `${''.padEnd(34)}${'per second'.padStart(12)}${'CPU us/op'.padStart(12)}${'rate'.padStart(9)}${'CPU'.padStart(9)}`,
  );
  for (const { name, perSecond, cpuUs, wallRatio, cpuRatio } of results) {
    const rate = Math.round(perSecond).toLocaleString('en-US');
    console.log(
      `${name.padEnd(34)}${rate.padStart(12)}${cpuUs.toFixed(2).padStart(12)}${`${wallRatio.toFixed(2)}x`.padStart(9)}${`${cpuRatio.toFixed(2)}x`.padStart(9)}`,
    );
  }
  console.log(`ratios to "${base?.name}", medians of the ratios of each round`);
}

/**
 * @param {string} what
 * @param {number} value
 * @param {'<=' | '>='} sign
 * @param {number} limit
 */
export function target(what, value, sign, limit) {
  const reached = sign === '<=' ? value <= limit : value >= limit;
  console.log(`${reached ? 'reached    ' : 'NOT REACHED'}  ${what}: ${value.toFixed(2)} (target ${sign} ${limit})`);
}
