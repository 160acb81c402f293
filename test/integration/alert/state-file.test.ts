import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { emptyAlertFile } from '../../../src/core/alert/alert-file.ts';
import { AlertStateFile } from '../../../src/core/alert/state-file.ts';
import { startScript } from '../../support/background-process.ts';
import { testContext } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const script = 'alert-state-writer.mjs';

function place() {
  const stateDirectory = join(temporaryFolder(), "state 'of' %41");
  const database = join(stateDirectory, 'a b.db');
  const owner = { pid: process.pid, hostname: 'localhost' };
  return { stateDirectory, database, state: new AlertStateFile({ stateDirectory, database, owner }, testContext()) };
}

it('loses nothing of two processes that change one file', async () => {
  const { stateDirectory, database, state } = place();
  const names = ['one', 'two'];
  const writers = await Promise.all(names.map((name) => startScript(script, [stateDirectory, database, name, '40'])));
  await Promise.all(writers.map((writer) => writer.stop()));
  const { history } = state.read();
  for (const name of names) {
    const values = history.filter(({ rule }) => rule === name).map(({ value }) => value);
    expect(values).toEqual(Array.from({ length: 40 }, (_, n) => n));
  }
});

it('takes the lock of a process that was killed, with what that one had saved', async () => {
  const { stateDirectory, database, state } = place();
  const holder = await startScript(script, [stateDirectory, database, 'killed', '0']);
  holder.process.kill('SIGKILL');
  await once(holder.process, 'close');
  await state.change((file, save) => save({ ...file, toldAt: {} }));
  expect(state.read().history.map(({ rule }) => rule)).toEqual(['killed']);
});

it('is whole whenever a process that changes it is killed', async () => {
  const { stateDirectory, database, state } = place();
  for (let round = 0; round < 4; round++) {
    const writer = await startScript(script, [stateDirectory, database, `${round}`, '100000']);
    while (!state.read().history.some(({ rule, value }) => rule === `${round}` && value === round + 2)) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    writer.process.kill('SIGKILL');
    await once(writer.process, 'close');
    const values = state.read().history.filter(({ rule }) => rule === `${round}`);
    expect(values.map(({ value }) => value)).toEqual(values.map((_, n) => n));
  }
});

it('begins empty, and refuses a torn file without touching it', async () => {
  const { database, state } = place();
  expect(state.read()).toEqual(emptyAlertFile(database));
  await state.change((file, save) => save(file));
  const torn = readFileSync(state.path, 'utf8').slice(0, -20);
  for (const text of [torn, '', 'null', '{"version":2}']) {
    writeFileSync(state.path, text);
    expect(() => state.read()).toThrow('cannot be read');
    await expect(state.change((file, save) => save(file))).rejects.toThrow('cannot be read');
    expect(readFileSync(state.path, 'utf8')).toBe(text);
  }
});
