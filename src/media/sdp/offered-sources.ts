import { attribute, attributes } from "../../wire/sdp/attributes.ts";
import type { MediaSection } from "../../wire/sdp/description.ts";

/** How an offer tells the streams of one section apart. */
export interface OfferedSources {
  /** Simulcast layers that are sent, in the order of the offer (RFC 8853 §5.2). */
  readonly rids: readonly string[];
  /** SSRCs of media that the offer names (RFC 5576), without those of retransmissions and error correction. */
  readonly ssrcs: readonly number[];
  /** Of those, each with the SSRC of its retransmissions (RFC 4588 §8.8). */
  readonly repairs: readonly (readonly [ssrc: number, repair: number])[];
}

/** Layers of one section. Browsers send three at most. */
const mostLayers = 4;
/** SSRCs of one section that are read: each layer may have its repair and its error correction. */
const mostSources = 3 * mostLayers;

export function offeredSources(section: MediaSection): OfferedSources {
  const named = new Set<number>();
  for (const value of attributes(section.lines, "ssrc")) {
    const ssrc = readSsrc(/^\d+/.exec(value)?.[0]);
    if (ssrc !== undefined && named.size < mostSources) named.add(ssrc);
  }
  const groups = attributes(section.lines, "ssrc-group").slice(0, mostSources).map(readGroup);
  const repairs = new Map<number, number>();
  const derived = new Set<number>();
  for (const { semantics, ssrcs } of groups) {
    const [ssrc, other] = ssrcs;
    if (ssrc === undefined || other === undefined || ssrc === other) continue;
    if (semantics === "FID" && !repairs.has(ssrc)) repairs.set(ssrc, other);
    if (semantics === "FID" || semantics === "FEC-FR") derived.add(other);
  }
  // Simulcast by SSRCs lists its layers in a group, from the smallest to the largest.
  const layers = groups.find(({ semantics }) => semantics === "SIM")?.ssrcs ?? [];
  const ssrcs = [...new Set([...layers, ...named, ...repairs.keys()])].filter((ssrc) => !derived.has(ssrc));
  const kept = ssrcs.slice(0, mostLayers);
  return {
    rids: sentRids(section),
    ssrcs: kept,
    repairs: [...repairs].filter(([ssrc]) => kept.includes(ssrc)),
  };
}

function readGroup(value: string): { readonly semantics: string; readonly ssrcs: number[] } {
  const [semantics = "", ...rest] = value
    .trim()
    .split(" ")
    .slice(0, 1 + mostLayers);
  return { semantics, ssrcs: rest.map(readSsrc).filter((ssrc) => ssrc !== undefined) };
}

function readSsrc(text: string | undefined): number | undefined {
  const ssrc = /^\d{1,10}$/.test(text ?? "") ? Number(text) : 2 ** 32;
  return ssrc < 2 ** 32 ? ssrc : undefined;
}

/** The rids that `a=simulcast` sends, of alternatives the first. Without such a line there is no simulcast. */
function sentRids(section: MediaSection): string[] {
  const declared = new Set<string>();
  for (const value of attributes(section.lines, "rid")) {
    const rid = /^([A-Za-z0-9_-]{1,16}) send\b/.exec(value)?.[1];
    if (rid !== undefined && declared.size < 4 * mostLayers) declared.add(rid);
  }
  const list = /(?:^| )send (\S+)/.exec(attribute(section.lines, "simulcast") ?? "")?.[1] ?? "";
  const rids = list.split(";").map((alternatives) => (alternatives.split(",", 1)[0] ?? "").replace(/^~/, ""));
  return [...new Set(rids.filter((rid) => declared.has(rid)))].slice(0, mostLayers);
}
