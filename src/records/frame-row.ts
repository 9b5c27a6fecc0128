import type { PushBody } from "../protocol/pushes.ts";
import type { Request } from "../protocol/requests.ts";
import type { Stats } from "../protocol/values.ts";
import { fingerprintOf } from "../shared/fingerprint.ts";
import { type CandidateSum, type Carried, carried, carriedCandidates, type KeptText } from "./carried.ts";
import type { LadderRow } from "./record.ts";

/** What a row shows of a frame. */
export type SaidByFrame = Omit<LadderRow, "at" | "from" | "to">;

/** Sums up a frame: no token, no secret, and of descriptions and the application's data only what `kept` says. */
export function saidBy(frame: Request | PushBody, kept: KeptText): SaidByFrame {
  const sum = candidatesAlone(frame, kept);
  if (sum !== undefined) return { type: "signal", bytes: sum.bytes, candidates: sum.counts };
  const note = noteOf(frame);
  const carry: Carried | undefined =
    "description" in frame || "candidates" in frame ? carried(frame, kept) : undefined;
  const bytes = (carry?.bytes ?? 0) + dataBytes(frame);
  return {
    type: frame.type,
    ...(bytes > 0 && { bytes }),
    ...("pair" in frame && (frame.pair ?? 1) > 1 && { pair: frame.pair }),
    ...(carry?.description && { description: { ...carry.description, ...fingerprintIn(frame) } }),
    ...(carry?.candidates && { candidates: carry.candidates }),
    ...("endOfCandidates" in frame && frame.endOfCandidates === true && { lastCandidates: true as const }),
    ...(carry?.text !== undefined && { text: carry.text }),
    ...(note !== undefined && { note }),
  };
}

/** The fingerprint of a device's own description. The push that passes it on has the same. */
function fingerprintIn(frame: Request | PushBody): { fingerprint?: string } {
  const isRequest = "id" in frame;
  const sdp = "description" in frame ? frame.description?.sdp : undefined;
  const fingerprint = isRequest && sdp !== undefined ? fingerprintOf(sdp) : undefined;
  return fingerprint === undefined ? {} : { fingerprint };
}

/** The sum of candidates where they are all that a frame says: most of all frames. Undefined where a frame says more. */
export function candidatesAlone(frame: Request | PushBody, kept: KeptText): CandidateSum | undefined {
  if (frame.type !== "signal" || frame.candidates === undefined || kept.addresses) return undefined;
  if (frame.description !== undefined || frame.refused !== undefined) return undefined;
  if (frame.endOfCandidates === true || (frame.pair ?? 1) > 1) return undefined;
  return carriedCandidates(frame.candidates);
}

/** What a frame says in words. */
function noteOf(frame: Request | PushBody): string | undefined {
  switch (frame.type) {
    case "call":
    case "move":
    case "publish":
    case "view":
      return frame.to;
    case "confirm":
    case "accepted":
      return frame.device;
    case "ringing":
      return "device" in frame ? frame.device?.device : undefined;
    case "decline":
      return frame.automatic === true ? `${frame.reason ?? "declined"}, automatic` : frame.reason;
    case "hangup":
      return cut([frame.reason, frame.detail].filter((text) => text !== undefined).join(": ")) || undefined;
    case "ended":
      return cut([frame.reason, frame.detail].filter((text) => text !== undefined).join(": "));
    case "peer":
      return frame.link;
    case "signal":
      return frame.refused === undefined ? undefined : `refused: ${cut(frame.refused.reason)}`;
    case "session":
      return frame.recovered === true ? "recovered" : frame.state;
    case "incoming":
      return frame.movedFrom === undefined ? undefined : `moved from ${frame.movedFrom}`;
    default:
      return undefined;
  }
}

function dataBytes(frame: Request | PushBody): number {
  if (!("data" in frame) || frame.data === undefined) return 0;
  return JSON.stringify(frame.data).length;
}

/** Its first 200 characters. */
export function cut(text: string): string {
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}

/** What a report says beside the state: the path, devices that were refused, ICE servers that gave nothing. */
export function reportNote({ path, refusedMedia = {}, iceErrors = [], dtlsError }: Stats): {
  readonly note?: string;
} {
  const { audio, video } = refusedMedia;
  const words = [
    path,
    audio && `microphone: ${audio}`,
    video && `camera: ${video}`,
    dtlsError && `DTLS: ${dtlsError}`,
    ...iceErrors.map(({ url, code }) => `${code} ${url}`),
  ].filter((word) => word !== undefined && word !== "");
  return words.length === 0 ? {} : { note: cut(words.join(", ")) };
}
