/** A span of time, rounded to what people read: `480 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d`. */
export function spanText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 10) return `${(ms / 1_000).toFixed(1)} s`;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${seconds % 60 === 0 ? "" : ` ${seconds % 60} s`}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h${minutes % 60 === 0 ? "" : ` ${minutes % 60} min`}`;
  return `${Math.floor(hours / 24)} d`;
}

/** How long ago, for a list that is drawn each second: no tenths. */
export function ageText(ms: number): string {
  return spanText(Math.max(0, Math.floor(ms / 1_000)) * 1_000)
    .replace(/^0 ms$/, "now")
    .replace(".0", "");
}

/** A moment: the time of day, and the date where it is another day. `now` and `at`: Unix ms. */
export function momentText(at: number, now: number): string {
  const date = new Date(at);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  if (date.toDateString() === new Date(now).toDateString()) return time;
  return `${date.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time}`;
}

/** A count with thousands apart: `12,430`. */
export function countText(count: number): string {
  return Math.round(count).toLocaleString("en");
}

/** `1 device`, `3 devices`. */
export function manyText(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** A large number in few characters: `950`, `1.2 k`, `3.4 M`. */
export function shortText(value: number): string {
  if (value < 1_000) return Number.isInteger(value) ? `${value}` : value.toFixed(1);
  const [divisor, unit] = value < 1_000_000 ? [1_000, "k"] : value < 1e9 ? [1e6, "M"] : [1e9, "G"];
  return `${(value / divisor).toFixed(value / divisor < 10 ? 1 : 0)} ${unit}`;
}

const graphemes = new Intl.Segmenter();
/** Embeddings, overrides and isolates (UAX #9 §2): text with one of them would not be read as it is written. */
const directions = /[\u202a-\u202e\u2066-\u2069]/g;

/** The text with its direction marks by their numbers, as `[U+202E]`: they turn nothing around, and names that differ look different. */
export function plain(text: string): string {
  return text.replace(directions, (mark) => `[U+${mark.charCodeAt(0).toString(16).toUpperCase()}]`);
}

/** Its first graphemes as {@link plain} text, with an ellipsis where that is not all of it. */
export function clip(text: string, most = 64): string {
  const whole = plain(text);
  if (whole.length <= most) return whole;
  const read = whole.slice(0, most * 16);
  const kept: string[] = [];
  for (const { segment } of graphemes.segment(read)) {
    if (kept.length === most) return `${kept.join("")}…`;
    kept.push(segment);
  }
  return kept.join("") + (read.length < whole.length ? "…" : "");
}
