import type { Phase, PhaseName, WireFrame } from "./ladder-model.ts";

/** The label of a frame's rung. Undefined for frames that the ladder does not show. */
export function labelOf(frame: WireFrame): string | undefined {
  switch (frame.type) {
    case "hello":
      return frame.resume === undefined ? "hello" : "resume";
    case "join":
      return `join ${String(frame.room).replace("room:", "")}`;
    case "call":
      return `call ${String(frame.to)}`;
    case "incoming":
    case "ringing":
    case "accept":
    case "accepted":
    case "confirm":
    case "decline":
    case "cancel":
    case "crossed":
    case "resync":
    case "offer_wanted":
    case "goodbye":
    case "session":
    case "moved":
      return frame.type;
    case "signal":
      return signalLabel(frame);
    case "restart":
      return "restart";
    case "move":
      return "move";
    case "pair":
      return `pair ${String(frame.pair)}`;
    case "move_failed":
      return "move failed";
    case "peer":
      return `peer ${String(frame.link)}`;
    case "hangup":
      return "hang up";
    case "ended":
      return `ended, ${String(frame.reason).replaceAll("_", " ")}`;
    default:
      return undefined;
  }
}

function signalLabel(frame: WireFrame): string {
  const description = frame.description as { type?: string } | undefined;
  return `signal ${description?.type ?? "media"}`;
}

/**
 * The type of the frame at the far end that this frame became, or came from: `re:accept` is the reply to `accept`. Undefined
 * for frames between this end and the server only.
 */
export function counterpart(frame: WireFrame, out: boolean): string | undefined {
  const pairs: Record<string, string> = out
    ? {
        call: "incoming",
        ringing: "ringing",
        accept: "accepted",
        confirm: "re:accept",
        signal: "signal",
        restart: "restart",
        resync: "resync",
        move: "pair",
        decline: "ended",
        cancel: "ended",
        hangup: "ended",
      }
    : {
        incoming: "call",
        ringing: "ringing",
        accepted: "accept",
        signal: "signal",
        restart: "restart",
        resync: "resync",
        ended: endedBy(String(frame.reason)),
      };
  return pairs[String(frame.type)] || undefined;
}

/** The far end's request that ended the call; empty when the far end did not end it. */
function endedBy(reason: string): string {
  if (reason === "hangup") return "hangup";
  if (reason === "cancelled") return "cancel";
  return reason === "declined" || reason === "busy" ? "decline" : "";
}

/** The far half's label. */
export function farLabel(type: string): string {
  return type === "re:accept" ? "accept ✓" : type === "hangup" ? "hang up" : type;
}

const numbers = ["no", "one", "two", "three", "four", "five", "six"];

function count(n: number, one: string, many = `${one}s`): string {
  return `${numbers[n] ?? n} ${n === 1 ? one : many}`;
}

/** One sentence on what the server did in a phase. */
export function sentence(name: PhaseName, phase: Phase, peer: string, me: string): string {
  const has = (type: string, out?: boolean) =>
    phase.rows.some((row) => row.frames[0]?.type === type && (out === undefined || row.out === out));
  switch (name) {
    case "Find":
      return findSentence(phase, has, peer, me);
    case "Negotiate": {
      const told = phase.rows.reduce(
        (sum, row) => sum + (row.frames[0]?.type === "signal" ? row.frames.length : 0),
        0,
      );
      return phase.media === undefined
        ? "Both ends say what they can send and where they can be reached; the server carries it."
        : `The server carried ${count(told, "message")}; the media ${phase.media.relayed ? "goes through a TURN relay, which can't read it" : "took a direct path and never touches it"}.`;
    }
    case "Reset":
      return resetSentence(phase, has, peer);
    case "Close":
      return closeSentence(phase, peer);
  }
}

function findSentence(
  phase: Phase,
  has: (type: string, out?: boolean) => boolean,
  peer: string,
  me: string,
): string {
  if (phase.rows[0]?.frames[0]?.movedFrom !== undefined)
    return `A device of yours hands its call with ${peer} over to this one.`;
  if (has("incoming", false)) {
    if (has("accept")) return `The server rang you for ${peer}; you answered, and ${peer}’s end confirmed.`;
    return `${peer} is calling you; the server rings all of your devices.`;
  }
  if (has("session")) return `The server found the call with ${peer} again.`;
  if (!has("call")) return `The server now knows you as ${me}, and which device you use.`;
  const devices = phase.rows.filter((row) => row.frames[0]?.type === "ringing" && !row.out).length;
  const found = `The server found ${peer} at ${count(devices, "device")}`;
  if (has("accepted")) {
    return devices === 0
      ? `The server found ${peer}, and ${peer} answered.`
      : `${found}; the first to answer got the call.`;
  }
  if (devices === 0) return `The server looks for ${peer}’s devices.`;
  return devices === 1 ? `${found} and rings it.` : `${found} and rings ${devices === 2 ? "both" : "all"}.`;
}

function resetSentence(phase: Phase, has: (type: string, out?: boolean) => boolean, peer: string): string {
  if (has("move") || has("pair") || has("moved")) {
    if (has("move_failed")) return "The other device could not take the call. It continues where it was.";
    if (has("moved")) return "A second connection was built beside the first, and the call switched to it.";
    return "A second connection is built beside the first; the call switches to it once it works.";
  }
  if (has("restart")) {
    return phase.media === undefined
      ? "Both ends look for a new path; sound and picture continue as long as the old one works."
      : "Both ends agreed on a new path. The call continued.";
  }
  if (has("hello")) {
    const resumed = phase.rows.some((row) => row.mark?.startsWith("✓") && row.frames[0]?.type === "hello");
    return resumed
      ? "The link to the server came back and nothing was lost. The media never noticed."
      : "The link to the server is lost. The media does not need it.";
  }
  return `${peer}’s link to the server changed. The media does not need it.`;
}

function closeSentence(phase: Phase, peer: string): string {
  const first = phase.rows[0];
  const type = first?.frames[0]?.type;
  if (type === "hangup") return "You hung up. The server told the other end and forgot the call.";
  if (type === "cancel") return `You cancelled. ${peer}’s devices stop ringing.`;
  if (type === "decline") return `You declined, and the server told ${peer}.`;
  const reason = String(first?.frames[0]?.reason ?? "").replaceAll("_", " ");
  if (reason === "hangup") return `${peer} hung up. The server forgot the call.`;
  if (reason === "cancelled") return `${peer} cancelled before anybody answered.`;
  if (reason === "answered elsewhere") return "Another device of yours answered; this one stops ringing.";
  if (reason === "moved") return "Another device of yours has the call now.";
  return `The server ended it: ${reason}.`;
}
