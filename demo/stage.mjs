// The stage of the operations day: runs the real program, prints its real report under a headline, and keeps the score.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
export const launcher = join(root, 'bin', 'tradedb.js');
const color = process.stdout.isTTY === true && !process.env.NO_COLOR;
const paint = (code, text) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);

/** Everything that was started and may still run; the end of the demo stops what is left, by its pid. */
const running = new Set();

export function startChild(args, options = {}) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  running.add(child);
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal, ...output });
    });
  });
  return { child, output, ended };
}

export function stopEverything() {
  for (const child of running) child.kill('SIGKILL');
}

export class Stage {
  /** @type {{ step: string, result: string, seconds: number }[]} */
  score = [];
  #started = Date.now();

  constructor(folder) {
    this.folder = folder;
  }

  /** Runs one step: headline, work, one line of result for the table at the end. The work throws when it was not right. */
  async step(title, headline, work) {
    const number = this.score.length + 1;
    process.stdout.write(`\n${paint('1;36', `${number}. ${title}`)}\n${paint('2', `   ${headline}`)}\n\n`);
    const begun = Date.now();
    const result = await work();
    const seconds = (Date.now() - begun) / 1000;
    this.score.push({ step: title, result, seconds });
    process.stdout.write(`\n   ${paint('32', 'ok')}  ${result}  ${paint('2', `(${seconds.toFixed(1)} s)`)}\n`);
  }

  /** Runs tradedb with the words, shows its report, and checks its exit code. */
  async show(words, { expect = [0], quiet = false } = {}) {
    process.stdout.write(
      `   ${paint('1', `$ tradedb ${words.map((word) => (/\s/.test(word) ? `'${word}'` : word)).join(' ')}`)}\n`,
    );
    const colorFlag = color ? ['--color', 'always'] : [];
    const { ended } = startChild([launcher, ...words, '--progress', 'none', ...colorFlag], { cwd: this.folder });
    const result = await ended;
    if (!quiet) process.stdout.write(indent(result.stdout.replaceAll(`${this.folder}/`, '')));
    if (!expect.includes(result.code)) {
      throw new Error(
        `tradedb ${words.join(' ')} ended with ${result.code ?? result.signal} instead of ${expect.join(' or ')}\n${result.stdout}\n${result.stderr}`,
      );
    }
    return result;
  }

  /** The same command's JSON report, without showing it. */
  async report(words, { expect = [0] } = {}) {
    const { ended } = startChild([launcher, ...words, '--json', '--progress', 'none'], { cwd: this.folder });
    const result = await ended;
    if (!expect.includes(result.code)) {
      throw new Error(
        `tradedb ${words.join(' ')} ended with ${result.code ?? result.signal} instead of ${expect.join(' or ')}\n${result.stderr}`,
      );
    }
    return JSON.parse(result.stdout);
  }

  summary() {
    const width = Math.max(...this.score.map(({ step }) => step.length));
    const rows = this.score.map(
      ({ step, result, seconds }) =>
        `   ${paint('32', 'ok')}  ${step.padEnd(width)}  ${seconds.toFixed(1).padStart(5)} s  ${result}`,
    );
    process.stdout.write(
      `\n${paint('1', 'The day in short')}\n${rows.join('\n')}\n\n   ${this.score.length} steps in ${((Date.now() - this.#started) / 1000).toFixed(1)} s, nothing left running\n`,
    );
  }
}

function indent(text) {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `   ${line}`))
    .join('\n')
    .concat('\n');
}

/** Stops with a message unless the condition holds: a step that did not do what it says must not look green. */
export function check(condition, message) {
  if (!condition) throw new Error(message);
}
