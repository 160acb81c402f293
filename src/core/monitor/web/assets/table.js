// Tables that are drawn again every second without losing the place of the reader: rows and cells that stay are kept.
import { element } from './format.js';

/**
 * columns: [{ label, number, sort(row) , cell(row) }]; a cell is a text, or { text, class, onOpen, share, tags, title }.
 * rows have a `key`. The first column names the row.
 */
export class LiveTable {
  #table;
  #columns;
  #rows = new Map();
  #last = [];
  #empty;
  #sort;

  constructor(table, columns, options) {
    this.#table = table;
    this.#columns = columns;
    this.#empty = options.empty;
    this.#sort = options.sort;
    table.append(element('caption', { class: 'sr' }, options.caption), element('thead'), element('tbody'));
    this.#drawHead();
  }

  draw(rows) {
    this.#last = rows;
    const body = this.#table.tBodies[0];
    const sorted = this.#sorted(rows);
    const wanted = new Set(sorted.map(({ key }) => key));
    for (const [key, line] of this.#rows) {
      if (wanted.has(key)) continue;
      line.remove();
      this.#rows.delete(key);
    }
    body.querySelector('.none')?.parentElement.remove();
    if (sorted.length === 0) {
      body.append(element('tr', {}, element('td', { class: 'none', colspan: this.#columns.length }, this.#empty)));
    }
    sorted.forEach((row, index) => {
      const line = this.#rows.get(row.key) ?? this.#makeRow(row.key);
      for (const [at, column] of this.#columns.entries()) fillCell(line.cells[at], column.cell(row));
      if (body.rows[index] !== line) body.insertBefore(line, body.rows[index] ?? null);
    });
  }

  set empty(text) {
    this.#empty = text;
  }

  #sorted(rows) {
    const { by, down } = this.#sort ?? {};
    const sort = by === undefined ? undefined : this.#columns[by].sort;
    if (sort === undefined) return rows;
    const compare = (a, b) => (typeof a === 'string' ? a.localeCompare(b, 'en') : a - b);
    return [...rows].sort((a, b) => compare(sort(a), sort(b)) * (down ? -1 : 1) || a.key.localeCompare(b.key));
  }

  #makeRow(key) {
    const cells = this.#columns.map(({ number }, index) =>
      index === 0 ? element('th', { scope: 'row' }) : element('td', number ? { class: 'n' } : {}),
    );
    const line = element('tr', {}, ...cells);
    this.#rows.set(key, line);
    return line;
  }

  #drawHead() {
    const cells = this.#columns.map(({ label, number, sort }, index) => {
      const isSorted = this.#sort?.by === index;
      const content =
        sort === undefined
          ? label
          : element(
              'button',
              { type: 'button', onclick: () => this.#sortBy(index) },
              `${label}${isSorted ? (this.#sort.down ? ' ↓' : ' ↑') : ''}`,
            );
      const order = isSorted ? (this.#sort.down ? 'descending' : 'ascending') : undefined;
      return element('th', { scope: 'col', class: number ? 'n' : '', 'aria-sort': order }, content);
    });
    this.#table.tHead.replaceChildren(element('tr', {}, ...cells));
  }

  #sortBy(index) {
    const down = this.#sort?.by === index ? !this.#sort.down : this.#columns[index].number === true;
    this.#sort = { by: index, down };
    this.#drawHead();
    this.#table.tHead.rows[0].cells[index].querySelector('button').focus();
    this.draw(this.#last);
  }
}

function fillCell(cell, given) {
  const value = typeof given === 'object' ? given : { text: given };
  const { text = '', onOpen, share, tags = [], title } = value;
  const signature = JSON.stringify([text, value.class, tags, title, onOpen !== undefined]);
  if (share !== undefined && cell.dataset.signature === signature) {
    cell.querySelector('i').style.width = `${share * 100}%`;
  }
  if (onOpen !== undefined) cell.open = onOpen;
  if (cell.dataset.signature === signature) return;
  cell.dataset.signature = signature;
  const base = cell.tagName === 'TD' && cell.classList.contains('n') ? 'n' : '';
  cell.className = `${base} ${value.class ?? ''}`.trim();
  if (title !== undefined) cell.title = title;
  const parts = tags.map(({ text: tag, kind }) => element('span', { class: `tag ${kind ?? ''}` }, tag));
  if (share !== undefined) {
    const bar = element('i');
    bar.style.width = `${share * 100}%`;
    parts.push(element('span', { class: 'share', 'aria-hidden': 'true' }, bar));
  }
  if (onOpen !== undefined) parts.push(element('button', { type: 'button', onclick: () => cell.open() }, text));
  else parts.push(text);
  cell.replaceChildren(...parts);
}
