// The page of `tradedb monitor serve`: live figures by server-sent events, older ones from the history.
import { Chart, definitions, seriesNames } from './charts.js';
import { age, bytes, count, element, millis, percent, rate, time } from './format.js';
import { LiveTable } from './table.js';

const ranges = [
  ['5 min', 300_000],
  ['1 h', 3_600_000],
  ['6 h', 21_600_000],
  ['24 h', 86_400_000],
  ['7 d', 604_800_000],
  ['30 d', 2_592_000_000],
];
const liveRangeMs = 300_000;

const $ = (id) => document.getElementById(id);

const state = {
  database: undefined,
  view: undefined,
  shared: undefined,
  rangeMs: liveRangeMs,
  zoom: undefined,
  paused: false,
  times: [],
  values: {},
  stepMs: 1000,
  loadedAt: 0,
};

const charts = definitions.map((definition) => new Chart(definition, zoomTo));

// ---------- asking the service

async function ask(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) for (const one of [value].flat()) query.append(name, one);
  const answer = await fetch(`${path}?${query}`, { headers: { accept: 'application/json' } });
  if (answer.status === 401) location.assign('/login');
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

let source;

function listen() {
  source?.close();
  source = new EventSource(`/api/events?${new URLSearchParams({ database: state.database })}`);
  source.addEventListener('sample', (event) => receive(JSON.parse(event.data)));
  source.addEventListener('gap', () => void loadHistory());
  source.addEventListener('error', () => showState('critical', 'no connection'));
}

function receive(view) {
  state.view = view;
  if (state.paused) return;
  append(view);
  drawView();
}

// ---------- charts

function shownWindow() {
  if (state.zoom !== undefined) return state.zoom;
  const to = state.view === undefined ? Date.now() : Date.parse(state.view.sample.at);
  return { from: to - state.rangeMs, to };
}

async function loadHistory() {
  const { from, to } = shownWindow();
  const points = Math.max(120, Math.min(900, Math.round($('charts').clientWidth / 2)));
  try {
    const slice = await ask('/api/history', {
      database: state.database,
      series: seriesNames,
      from,
      to,
      points: state.rangeMs === liveRangeMs ? 900 : points,
    });
    state.times = slice.times.map((ms) => ms / 1000);
    state.values = Object.fromEntries(
      Object.entries(slice.series).map(([name, list]) => [name, list.map((point) => point?.average ?? null)]),
    );
    state.stepMs = slice.stepMs;
    dropOpenEnd();
  } catch {
    // Without a history the charts begin now.
    state.stepMs = 1000;
  }
  state.loadedAt = performance.now();
  drawCharts();
}

/** The running second is not in the history yet: the next event brings it. */
function dropOpenEnd() {
  const lists = Object.values(state.values);
  while (state.times.length > 0 && lists.every((list) => list.at(-1) === null)) {
    state.times.pop();
    for (const list of lists) list.pop();
  }
}

/** In the short range every event is a point; longer ones are loaded again as their steps go by. */
function append(view) {
  if (state.zoom !== undefined) return;
  if (state.rangeMs !== liveRangeMs) {
    if (performance.now() - state.loadedAt > Math.max(10_000, state.stepMs)) {
      state.loadedAt = performance.now();
      void loadHistory();
    }
    return;
  }
  const second = Math.floor(Date.parse(view.sample.at) / 1000);
  const at = second <= (state.times.at(-1) ?? 0) ? state.times.indexOf(second) : state.times.push(second) - 1;
  if (at < 0) return;
  for (const { series } of definitions) {
    for (const { name, live } of series) {
      state.values[name] ??= [];
      const list = state.values[name];
      while (list.length < at) list.push(null);
      list[at] = live(view) ?? null;
    }
  }
  while (state.times[0] < second - state.rangeMs / 1000) {
    state.times.shift();
    for (const list of Object.values(state.values)) list.shift();
  }
}

function drawCharts() {
  const shown = shownWindow();
  for (const chart of charts) chart.draw(state.times, state.values, shown);
  $('range-text').textContent =
    `${time(shown.from)} to ${time(shown.to)} UTC${state.stepMs > 1000 ? `, ${age(state.stepMs)} per point` : ''}`;
}

function zoomTo(from, to) {
  state.zoom = { from, to: Math.max(to, from + 10_000) };
  $('zoom-out').hidden = false;
  void loadHistory();
}

function chooseRange(ms) {
  state.rangeMs = ms;
  state.zoom = undefined;
  $('zoom-out').hidden = true;
  for (const button of $('ranges').children)
    button.setAttribute('aria-pressed', String(Number(button.dataset.ms) === ms));
  void loadHistory();
}

// ---------- figures of now

function drawView() {
  const { view } = state;
  if (view === undefined) return;
  drawTiles(view);
  drawPinned(view.sample.pinned);
  drawObjects(view);
  drawLocks(view.sample);
  drawFindings();
  const worst = view.findings.some(({ severity }) => severity === 'critical')
    ? 'critical'
    : view.findings.some(({ severity }) => severity === 'warning')
      ? 'warning'
      : 'good';
  const wrong = view.findings.filter(({ severity }) => severity !== 'info').length;
  const text = wrong === 0 ? 'healthy' : `${wrong} ${wrong === 1 ? 'finding' : 'findings'}`;
  if (!state.paused) showState(worst, `${text} · ${view.sample.at.slice(11, 19)} UTC`);
  drawCharts();
}

function showState(kind, text) {
  $('state').className = `pill ${kind}`;
  $('state-text').textContent = text;
}

const modes = {
  rollback: 'rollback journal',
  exclusive: 'locking_mode=EXCLUSIVE: commits cannot be counted',
  absent: 'there is no file at this path',
};

function drawTiles({ sample, rates, point }) {
  const severityOf = (id) => state.view.findings.find((finding) => finding.id === id)?.severity ?? '';
  const writing = sample.locks.filter(({ bytes: held }) => held.includes('WRITE') || held.includes('RESERVED')).length;
  const tiles = [
    ['Commits', rate(rates.commitsPerSecond), '/s', `${count(sample.commits)} since the start`],
    [
      'Behind in the WAL',
      ...split(bytes(sample.backlogBytes)),
      sample.mode === 'wal'
        ? `file ${bytes(sample.walFileBytes)}, ${rate(rates.walResetsPerMinute)} resets/min`
        : modes[sample.mode],
      severityOf('wal.backlog'),
    ],
    ['Write lock', ...split(percent(sample.writeLockBusyRatio)), 'busy, of the last looks'],
    [
      'Processes',
      sample.holders === 'outside-namespace' ? 'hidden' : count(sample.connectedProcesses),
      '',
      sample.holders === 'outside-namespace' ? 'in another container' : `${writing} writing`,
    ],
    [
      'Database',
      ...split(bytes(sample.databaseBytes)),
      `${count(sample.freePages)} of ${count(sample.pageCount)} pages free`,
      severityOf('database.size'),
    ],
    [
      'Free disk',
      ...split(bytes(sample.diskFreeBytes)),
      point === null ? '' : `${rate(rates.framesPerSecond)} frames/s written`,
      severityOf('disk.free'),
    ],
  ];
  const host = $('tiles');
  if (host.children.length !== tiles.length) {
    host.replaceChildren(
      ...tiles.map(([label]) =>
        element(
          'dl',
          { class: 'tile' },
          element('dt', {}, label),
          element('dd', { class: 'value' }, '', element('small')),
          element('dd', { class: 'more' }),
        ),
      ),
    );
  }
  tiles.forEach(([, value, unit, more, severity], index) => {
    const tile = host.children[index];
    tile.className = `tile ${severity ?? ''}`;
    tile.querySelector('.value').firstChild.textContent = value;
    tile.querySelector('small').textContent = unit === '' ? '' : ` ${unit}`;
    tile.querySelector('.more').textContent = more;
  });
}

/** `15.3 MB` as figure and unit. */
function split(text) {
  const [value, unit = ''] = text.split(' ');
  return [value, unit];
}

function drawPinned(pinned) {
  const foreign = pinned.filter(({ holders }) => holders.some(({ ownLease }) => ownLease === undefined));
  const host = $('pinned');
  host.hidden = foreign.length === 0;
  if (foreign.length === 0) return;
  const lines = foreign.flatMap(({ slot, mark, lagFrames, heldAtLeastMs, holders }) => [
    element(
      'li',
      {},
      element('code', {}, `READ${slot}`),
      ` at frame ${count(mark)}, ${count(lagFrames)} frames behind, for at least ${age(heldAtLeastMs)}: `,
      holders.map(({ pid, command }) => `pid ${pid} (${command})`).join(', '),
    ),
  ]);
  host.replaceChildren(
    element('h2', {}, `A reader stops the checkpoint at frame ${count(foreign[0].mark)}`),
    element('ul', {}, ...lines),
  );
}

const objects = new LiveTable(
  $('objects'),
  [
    {
      label: 'Object',
      sort: ({ object }) => object,
      cell: (row) => ({ text: row.object, title: row.object, onOpen: () => openObject(row) }),
    },
    {
      label: 'Kind',
      sort: ({ kind }) => kind,
      cell: ({ kind, table }) => ({ text: kind === 'index' ? `index on ${table}` : kind }),
    },
    {
      label: 'Frames/s',
      number: true,
      sort: ({ rate: now }) => now,
      cell: (row) => ({
        text: row.rate > 0 ? `${row.estimated ? '~' : ''}${rate(row.rate)}` : '–',
        class: row.rate > 0 ? '' : 'idle',
      }),
    },
    { label: 'Share', number: true, cell: ({ share }) => ({ text: share > 0 ? percent(share) : '', share }) },
    { label: 'Pages', number: true, sort: ({ pages }) => pages, cell: ({ pages }) => count(pages) },
    { label: 'Size', number: true, sort: ({ pages }) => pages, cell: ({ bytes: size }) => bytes(size) },
  ],
  {
    caption: 'Tables and indexes with what is written to them',
    empty: 'Tables are not looked at (monitor.attribution is off).',
    sort: { by: 2, down: true },
  },
);

function drawObjects({ sample, objectRates }) {
  const filter = $('filter').value.toLowerCase();
  const total = Object.values(objectRates).reduce((sum, value) => sum + value, 0);
  const rows = sample.objects
    .filter(({ object }) => object.toLowerCase().includes(filter))
    .map((entry) => {
      const key = `${entry.kind} ${entry.object}`;
      const now = objectRates[key] ?? 0;
      return {
        ...entry,
        key,
        rate: now,
        share: total > 0 ? now / total : 0,
        bytes: entry.pages * sample.pageSizeBytes,
      };
    });
  objects.empty =
    sample.objects.length > 0
      ? 'Nothing matches the filter.'
      : 'Tables are not looked at (monitor.attribution is off).';
  objects.draw(rows);
  $('coverage').textContent =
    `${percent(sample.coverage)} of the commits seen${sample.coverage < 0.995 ? '; ~ marks what was scaled up to all of them' : ''}${sample.unknownFrames > 0 ? `, ${count(sample.unknownFrames)} frames not attributed` : ''}`;
}

const locks = new LiveTable(
  $('locks'),
  [
    {
      label: 'Process',
      sort: ({ pid }) => pid,
      cell: (row) => ({ text: `pid ${row.pid}`, onOpen: () => openProcess(row) }),
    },
    {
      label: 'Holds',
      cell: ({ held, ownLease }) => ({
        tags: [...(ownLease === undefined ? [] : [{ text: ownLease, kind: 'own' }]), ...held],
        text: held.length === 0 ? 'connected' : '',
      }),
    },
    {
      label: 'For at least',
      number: true,
      sort: ({ heldAtLeastMs }) => heldAtLeastMs,
      cell: ({ heldAtLeastMs }) => age(heldAtLeastMs),
    },
    { label: 'Command', sort: ({ command }) => command, cell: ({ command }) => ({ text: command, class: 'wide' }) },
  ],
  { caption: 'Processes that hold a lock', empty: 'Nobody is connected.', sort: { by: 2, down: true } },
);

function drawLocks(sample) {
  locks.empty =
    sample.holders === 'outside-namespace'
      ? 'In use, but its processes cannot be seen from here (another container).'
      : 'Nobody is connected.';
  locks.draw(
    sample.locks.map((holder) => ({
      ...holder,
      key: `${holder.pid}:${holder.startTime}`,
      held: holder.bytes
        .filter((name) => name !== 'DMS' && name !== 'SHARED')
        .map((name) => ({ text: name, kind: name === 'WRITE' || name === 'RESERVED' ? 'write' : '' })),
    })),
  );
}

function drawFindings() {
  const alerts = (state.shared?.alerts ?? [])
    .filter(({ phase, database }) => phase !== 'ok' && database === state.database)
    .map(({ rule, phase, severity, since }) => ({
      severity: severity ?? 'info',
      message: `alert ${rule}: ${phase} since ${time(Date.parse(since))}`,
    }));
  const all = [...state.view.findings, ...(state.shared?.history?.findings ?? []), ...alerts];
  const items = all.map(({ severity, subject, message, hint }) =>
    element(
      'li',
      {},
      element('span', { class: `severity ${severity}` }, severity),
      element('span', {}, subject === undefined ? message : `${subject}: ${message}`),
      ...(hint === undefined ? [] : [element('span', { class: 'hint' }, hint)]),
    ),
  );
  const fine = element(
    'li',
    {},
    element('span', { class: 'severity fine' }, 'fine'),
    element('span', {}, 'Every limit is kept.'),
  );
  $('findings').replaceChildren(...(items.length === 0 ? [fine] : items));
}

// ---------- jobs, backups, events, queries

const jobs = new LiveTable(
  $('jobs'),
  [
    { label: 'Job', sort: ({ name }) => name, cell: ({ name }) => name },
    {
      label: 'Last',
      cell: ({ running, last }) =>
        running
          ? 'running'
          : last === null
            ? '–'
            : { text: last.result, class: `result-${last.result}`, title: last.problem ?? '' },
    },
    { label: 'Took', number: true, cell: ({ last }) => (last === null ? '' : age(last.durationMs)) },
    { label: 'Ended well', cell: ({ lastSuccessMs }) => (lastSuccessMs === null ? '–' : time(lastSuccessMs)) },
    {
      label: 'Next',
      sort: ({ dueMs }) => dueMs ?? Number.MAX_VALUE,
      cell: ({ dueMs }) => (dueMs === null ? 'never' : time(dueMs)),
    },
  ],
  {
    caption: 'Scheduled jobs',
    empty: 'No jobs run here (--schedules off, or all are switched off).',
    sort: { by: 4, down: false },
  },
);

const backups = new LiveTable(
  $('backups'),
  [
    { label: 'Backup', cell: ({ id }) => id },
    { label: 'Type', cell: ({ type }) => type },
    { label: 'Made', cell: ({ createdAt }) => time(Date.parse(createdAt)) },
    { label: 'Stored', number: true, cell: ({ sizeBytes }) => bytes(sizeBytes) },
  ],
  { caption: 'Backups, newest first', empty: 'There is no backup in the repository.' },
);

const events = new LiveTable(
  $('events'),
  [
    { label: 'When', cell: ({ atMs }) => time(atMs) },
    { label: 'What', cell: ({ kind }) => kind.replaceAll('_', ' ') },
    { label: '', cell: ({ detail }) => ({ text: eventText(detail), class: 'wide' }) },
  ],
  { caption: 'Events, newest first', empty: 'Nothing has happened yet.' },
);

function eventText({ job, result, problem, finding, id, generation, durationMs }) {
  return [
    job,
    result,
    durationMs === undefined ? undefined : age(durationMs),
    problem,
    finding ?? id,
    generation === undefined ? undefined : `generation ${generation}`,
  ]
    .filter((part) => part !== undefined)
    .join(' · ');
}

const queries = new LiveTable(
  $('queries'),
  [
    { label: 'Name', sort: ({ name }) => name, cell: ({ name }) => ({ text: name, title: name }) },
    {
      label: 'Calls/s',
      number: true,
      sort: ({ callsPerSecond }) => callsPerSecond,
      cell: ({ callsPerSecond }) => rate(callsPerSecond),
    },
    { label: 'Calls', number: true, sort: ({ calls }) => calls, cell: ({ calls }) => count(calls) },
    { label: 'Mean', number: true, sort: ({ meanMs }) => meanMs ?? 0, cell: ({ meanMs }) => millis(meanMs) },
    { label: 'p99', number: true, sort: ({ p99Ms }) => p99Ms ?? 0, cell: ({ p99Ms }) => millis(p99Ms) },
    { label: 'Total', number: true, sort: ({ totalMs }) => totalMs, cell: ({ totalMs }) => millis(totalMs) },
    { label: 'Rows', number: true, sort: ({ rows }) => rows, cell: ({ rows }) => count(rows) },
    { label: 'Retries', number: true, sort: ({ retries }) => retries, cell: ({ retries }) => count(retries) },
    {
      label: 'Errors',
      number: true,
      sort: ({ errors }) => errors,
      cell: ({ errors }) => ({ text: count(errors), class: errors > 0 ? 'result-failed' : '' }),
    },
  ],
  {
    caption: 'Transactions and queries of engines that use the library',
    empty: 'No engine writes statistics (see docs/library.md, option "statistics").',
    sort: { by: 5, down: true },
  },
);

async function drawShared() {
  if (state.paused) return;
  try {
    const [shared, stored, asked] = await Promise.all([
      ask('/api/state'),
      ask('/api/backups', { database: state.database }),
      ask('/api/queries', { database: state.database }),
    ]);
    state.shared = shared;
    const own = ({ database }) => database === state.database;
    jobs.draw(shared.jobs.filter(own).map((job) => ({ ...job, key: job.name })));
    events.draw(shared.events.filter(own).map((event) => ({ ...event, key: String(event.number) })));
    backups.draw(stored.backups.map((backup) => ({ ...backup, key: backup.id })));
    queries.draw(asked.queries.map((query) => ({ ...query, key: query.name })));
    const engines = asked.engines ?? [];
    const hits = engines.reduce((sum, { cacheHits }) => sum + cacheHits, 0);
    const misses = engines.reduce((sum, { cacheMisses }) => sum + cacheMisses, 0);
    $('queries-hint').textContent =
      engines.length === 0
        ? ''
        : `${engines.length} ${engines.length === 1 ? 'engine' : 'engines'}, result cache ${hits + misses === 0 ? 'not used' : `${percent(hits / (hits + misses))} hits`}, background readers ${engines.map(({ poolBusy, poolSize }) => `${poolBusy}/${poolSize}`).join(', ')} busy`;
    $('foot').textContent =
      `tradedb ${shared.version}. Times are UTC. ${shared.history === null ? 'No history is kept.' : `History ${bytes(shared.history.sizeBytes)}.`}`;
  } catch {
    // The stream says that the connection is gone.
  }
}

// ---------- drill-down

let detailChart;

async function openObject({ object, kind, table, pages, frames, bytes: size, estimated }) {
  const name = `object_written_frames_total ${kind} ${object}`;
  const { to } = shownWindow();
  const from = to - Math.max(3_600_000, state.rangeMs);
  const chart = new Chart({
    title: 'Frames written',
    note: 'per second',
    unit: rate,
    series: [{ name, label: 'frames' }],
  });
  const facts = element(
    'dl',
    {},
    ...pairs([
      ['Kind', kind === 'index' ? `index on ${table}` : kind],
      ['Pages', `${count(pages)} (${bytes(size)}), overflow pages not counted`],
      ['Written', `${estimated ? 'about ' : ''}${count(frames)} frames since the service started`],
      ['Chart', `${time(from)} to ${time(to)} UTC, per minute`],
    ]),
  );
  showDetail(object, [chart.figure, facts]);
  detailChart = chart;
  chart.build();
  const slice = await ask('/api/history', { database: state.database, series: name, from, to, points: 400 }).catch(
    () => undefined,
  );
  if (slice === undefined) return;
  chart.draw(
    slice.times.map((ms) => ms / 1000),
    { [name]: slice.series[name].map((point) => point?.average ?? null) },
    { from, to },
  );
}

function openProcess({ pid, startTime, command, bytes: held, heldAtLeastMs, ownLease }) {
  const pinned = state.view.sample.pinned.find(({ holders }) =>
    holders.some((holder) => holder.pid === pid && holder.startTime === startTime),
  );
  const facts = [
    ['Command', command],
    ['Holds', held.join(', ')],
    ['For at least', age(heldAtLeastMs)],
    ...(ownLease === undefined ? [] : [['Job of ours', ownLease]]),
    [
      'Checkpoint',
      pinned === undefined
        ? 'not in its way'
        : `stops it at frame ${count(pinned.mark)}, ${count(pinned.lagFrames)} frames behind`,
    ],
  ];
  showDetail(`pid ${pid}`, [element('dl', {}, ...pairs(facts))]);
}

function pairs(list) {
  return list.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]);
}

function showDetail(title, content) {
  $('detail-title').textContent = title;
  $('detail-body').replaceChildren(...content);
  $('detail').showModal();
}

$('detail').addEventListener('close', () => {
  detailChart?.destroy();
  detailChart = undefined;
});
$('detail-close').addEventListener('click', () => $('detail').close());

// ---------- controls

function pause(wanted) {
  state.paused = wanted;
  $('pause').setAttribute('aria-pressed', String(wanted));
  $('pause').textContent = wanted ? 'Go on' : 'Pause';
  if (wanted) return showState('paused', 'paused');
  void loadHistory().then(drawView);
  void drawShared();
}

const themes = ['auto', 'dark', 'light'];

function setTheme(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  $('theme').textContent = { auto: 'Auto', dark: 'Dark', light: 'Light' }[theme];
  $('theme').setAttribute('aria-label', `Colours: ${theme}`);
  localStorage.setItem('theme', theme);
  for (const chart of charts) chart.build();
  if (state.times.length > 0) drawCharts();
}

async function choose(database) {
  Object.assign(state, { database, view: undefined, times: [], values: {}, zoom: undefined });
  $('zoom-out').hidden = true;
  document.title = `${database}: tradedb monitor`;
  listen();
  await loadHistory();
  await drawShared();
}

async function start() {
  $('charts').append(...charts.map(({ figure }) => figure));
  for (const [label, ms] of ranges) {
    $('ranges').append(
      element(
        'button',
        {
          type: 'button',
          'data-ms': ms,
          'aria-pressed': ms === state.rangeMs ? 'true' : 'false',
          onclick: () => chooseRange(ms),
        },
        label,
      ),
    );
  }
  setTheme(localStorage.getItem('theme') ?? 'auto');
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () =>
    setTheme(localStorage.getItem('theme') ?? 'auto'),
  );
  $('theme').addEventListener('click', () =>
    setTheme(themes[(themes.indexOf(localStorage.getItem('theme')) + 1) % themes.length]),
  );
  $('pause').addEventListener('click', () => pause(!state.paused));
  $('zoom-out').addEventListener('click', () => chooseRange(state.rangeMs));
  $('filter').addEventListener('input', () => state.view !== undefined && drawObjects(state.view));
  document.addEventListener('keydown', (event) => {
    if (event.key !== ' ' || event.target.closest('button, input, select, dialog, [tabindex="0"]')) return;
    event.preventDefault();
    pause(!state.paused);
  });
  const shared = await ask('/api/state');
  $('database').append(...shared.databases.map(({ name }) => element('option', { value: name }, name)));
  $('database').addEventListener('change', () => void choose($('database').value));
  setInterval(() => void drawShared(), 5000);
  await choose(shared.databases[0].name);
}

start().catch(() => showState('critical', 'the service does not answer'));
