// Figures as people read them. Data enters the page as text nodes alone.

const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `15.3 MB`, in powers of 1000 as the terminal view has them. */
export function bytes(value) {
  if (value === null || value === undefined) return '–';
  let unit = 0;
  let left = value;
  while (left >= 999.5 && unit < units.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toPrecision(3)} ${units[unit]}`;
}

export function count(value) {
  return Math.round(value).toLocaleString('en-US');
}

/** Small rates keep a decimal, so that one commit in ten seconds does not read as none. */
export function rate(value) {
  if (value === null || value === undefined) return '–';
  return value > 0 && value < 9.95 ? value.toFixed(1) : count(value);
}

export function percent(fraction) {
  return `${(fraction * 100).toFixed(fraction > 0 && fraction < 0.0995 ? 1 : 0)} %`;
}

/** `0.4 s`, `12 s`, `5 min`, `3 h`, `2 d`. */
export function age(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.floor(seconds)} s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export function millis(value) {
  if (value === null || value === undefined) return '–';
  if (value < 1) return `${Math.round(value * 1000)} µs`;
  return value < 1000 ? `${value.toPrecision(3)} ms` : `${(value / 1000).toPrecision(3)} s`;
}

/** `2026-03-01 14:02:11` (UTC). */
export function time(ms) {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

/** An element with children; texts become text nodes. */
export function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === 'class') node.className = value;
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children);
  return node;
}
