import type { Finding, Of, Settlement } from "./checker.ts";
import type { Entry } from "./journal.ts";

interface Item {
  readonly sentAt: number;
  outcome?: Settlement;
}

interface Arrival {
  readonly n: number;
  readonly device: string;
  readonly link: string;
}

interface Stream {
  readonly head: Of<"stream">;
  readonly items: Map<number, Item>;
  readonly arrivals: Arrival[];
}

/**
 * Numbered streams: each item once and in order, and none missing that its sender was told is done. What was under way
 * to a link that was lost for good may be missing, at the seam of the two links and nowhere else.
 */
export function* checkStreams(entries: readonly Entry[]): Iterable<Finding> {
  const streams = new Map<string, Stream>();
  /** When a device had to begin a new link, or went away. */
  const breaks = new Map<string, number[]>();
  const known = new Set<string>();
  for (const entry of entries) {
    if (entry.what === "link") {
      if (!entry.resumed && known.has(entry.device)) note(breaks, entry.device, entry.at);
      known.add(entry.device);
    } else if (entry.what === "dead" || entry.what === "left") note(breaks, entry.device, entry.at);
    else if (entry.what === "stream")
      streams.set(entry.stream, { head: entry, items: new Map(), arrivals: [] });
    else if (entry.what === "sent") streams.get(entry.stream)?.items.set(entry.n, { sentAt: entry.at });
    else if (entry.what === "settled") {
      const item = streams.get(entry.stream)?.items.get(entry.n);
      // An acknowledged request may still be answered with an error; never the other way round.
      if (item !== undefined && item.outcome !== "refused") item.outcome = entry.outcome;
    } else if (entry.what === "got") streams.get(entry.stream)?.arrivals.push(entry);
  }
  for (const stream of streams.values()) yield* checkStream(stream, breaks);
}

function* checkStream({ head, items, arrivals }: Stream, breaks: Map<string, number[]>): Iterable<Finding> {
  const name = `${head.stream} (${head.from} → ${head.to})`;
  const seen = new Map<number, Arrival>();
  const latest = new Map<string, number>();
  for (const arrival of arrivals) {
    const { n, link } = arrival;
    if (seen.has(n)) yield { rule: "doubled", text: `${name}: ${n} came twice` };
    const before = latest.get(link) ?? -1;
    if (n < before) yield { rule: "reordered", text: `${name}: ${n} came after ${before}` };
    latest.set(link, Math.max(before, n));
    if (!items.has(n)) yield { rule: "doubled", text: `${name}: ${n} was never sent` };
    seen.set(n, arrival);
  }
  const broken = breaks.get(head.to) ?? [];
  for (const [n, { sentAt, outcome }] of items) {
    // Whoever was refused does it again.
    if (outcome === "refused" && seen.has(n))
      yield { rule: "refused", text: `${name}: ${n} was refused and came all the same` };
    if (seen.has(n) || outcome === "refused" || outcome === "unknown" || outcome === undefined) continue;
    if (outcome === "nobody") {
      if (broken.length === 0) yield { rule: "lost", text: `${name}: ${n} found nobody there` };
      continue;
    }
    const [before, after] = neighbours(arrivals, n);
    const brokeLater = broken.some((at) => at >= sentAt);
    const excused =
      before !== undefined && after !== undefined
        ? before.link !== after.link
        : after === undefined
          ? !head.whole || brokeLater
          : broken.length > 0;
    if (!excused) yield { rule: "lost", text: `${name}: ${n} was taken and never came` };
  }
}

/** The arrivals with the next lower and the next higher number. */
function neighbours(arrivals: readonly Arrival[], n: number): [Arrival | undefined, Arrival | undefined] {
  let before: Arrival | undefined;
  let after: Arrival | undefined;
  for (const one of arrivals) {
    if (one.n < n && (before === undefined || one.n > before.n)) before = one;
    if (one.n > n && (after === undefined || one.n < after.n)) after = one;
  }
  return [before, after];
}

function note(breaks: Map<string, number[]>, device: string, at: number): void {
  const all = breaks.get(device);
  if (all === undefined) breaks.set(device, [at]);
  else all.push(at);
}
