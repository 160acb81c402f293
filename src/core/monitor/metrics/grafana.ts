import type { MetricDefinition } from './definitions.ts';

const panelWidth = 8;
const panelHeight = 7;
const perRow = 3;

const groupTitles: Readonly<Record<MetricDefinition['group'], string>> = {
  database: 'Database',
  objects: 'Tables and indexes',
  queries: 'Queries',
  engines: 'Engines',
  archive: 'Archive',
  service: 'Service',
};

/** A dashboard for Grafana 10 and newer: one panel per series, in the order of the list. Import it as JSON. */
export function grafanaDashboard(definitions: readonly MetricDefinition[]): Record<string, unknown> {
  const panels: Record<string, unknown>[] = [];
  let y = 0;
  for (const [group, title] of Object.entries(groupTitles)) {
    const inside = definitions.filter((definition) => definition.group === group);
    panels.push({ id: panels.length + 1, type: 'row', title, collapsed: false, gridPos: { h: 1, w: 24, x: 0, y } });
    y += 1;
    for (const [index, definition] of inside.entries()) {
      const place = { x: (index % perRow) * panelWidth, y: y + Math.floor(index / perRow) * panelHeight };
      panels.push(panelOf(definition, panels.length + 1, place));
    }
    y += Math.ceil(inside.length / perRow) * panelHeight;
  }
  return {
    title: 'tradedb',
    uid: 'tradedb',
    tags: ['sqlite', 'tradedb'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: { list: [dataSource, databases] },
    panels,
  };
}

const dataSource = { name: 'source', label: 'Data source', type: 'datasource', query: 'prometheus' };
const databases = {
  name: 'database',
  label: 'Database',
  type: 'query',
  datasource: { type: 'prometheus', uid: '$source' },
  query: { query: 'label_values(tradedb_sampler_up, database)', refId: 'databases' },
  refresh: 2,
  includeAll: true,
  multi: true,
  current: { text: 'All', value: '$__all' },
};

function panelOf(definition: MetricDefinition, id: number, place: { readonly x: number; readonly y: number }) {
  const { name, help, labels } = definition;
  return {
    id,
    type: 'timeseries',
    title: help.replace(/\.$/, ''),
    description: name,
    gridPos: { h: panelHeight, w: panelWidth, ...place },
    datasource: { type: 'prometheus', uid: '$source' },
    fieldConfig: { defaults: { unit: unitOf(definition), min: 0 }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: [
      {
        refId: 'A',
        expr: expressionOf(definition),
        legendFormat: labels.length === 0 ? name : labels.map((label) => `{{${label}}}`).join(' '),
      },
    ],
  };
}

/** The query of a panel: counters as rates. */
export function expressionOf({ name, type, labels }: MetricDefinition): string {
  const selected = labels.includes('database') ? `${name}{database=~"$database"}` : name;
  if (name.endsWith('_timestamp_seconds')) return `time() - ${selected}`;
  return type === 'counter' ? `rate(${selected}[$__rate_interval])` : selected;
}

function unitOf({ name, type }: MetricDefinition): string {
  if (name.endsWith('_bytes')) return 'bytes';
  if (name.endsWith('_ratio')) return 'percentunit';
  if (name.endsWith('_seconds')) return 's';
  // Seconds per second of calls: how many of them are under way.
  if (name.endsWith('_seconds_total')) return 'none';
  return type === 'counter' ? 'ops' : 'short';
}
