import { formatByteSize } from '../../config/byte-size.ts';

/** `1,234,567`; small rates keep a decimal, so that one commit in ten seconds does not read as none. */
export function rateText(value: number): string {
  if (value > 0 && value < 9.95) return value.toFixed(1);
  return countText(value);
}

export function countText(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

export function shareText(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}

/** `14:02:11` of an ISO time (UTC). */
export function clockText(iso: string): string {
  return iso.slice(11, 19);
}

/** An age in at most five characters: `0.4s`, `12s`, `5m`, `3h`, `2d`. */
export function ageText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 100) return `${Math.floor(seconds)}s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

export function bytesText(bytes: number): string {
  return formatByteSize(bytes);
}
