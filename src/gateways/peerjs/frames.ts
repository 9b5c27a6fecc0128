import { isTooDeep } from "../../protocol/codec.ts";
import type { Candidate } from "../../protocol/values.ts";
import { fail, ok, type Result } from "../../shared/result.ts";

/** What an RTCPeerConnection of the client is for: `media` begins with `call`, `data` with `connect`. */
export type ConnectionType = "media" | "data";

/** What an offer's payload says beside the SDP: metadata, and of a data connection its label and serialization. */
export type Extra = Readonly<Record<string, unknown>>;

interface Addressed {
  /** As the client wrote it. */
  readonly dst: string;
  readonly connectionId: string;
}

/** A message of a client. */
export type ClientFrame =
  | { readonly kind: "heartbeat" }
  | (Addressed & {
      readonly kind: "offer";
      readonly type: ConnectionType;
      readonly sdp: string;
      readonly extra: Extra;
    })
  | (Addressed & { readonly kind: "answer"; readonly sdp: string })
  | (Addressed & { readonly kind: "candidate"; readonly candidate: Candidate })
  /** The client leaves: the server, or one peer. */
  | { readonly kind: "leave"; readonly dst: string | undefined }
  /** A type that no client of PeerJS sends. */
  | { readonly kind: "other" };

const [longestAddress, longestConnectionId, longestCandidate, longestName] = [264, 128, 2_048, 256];

/** Reads one message. The error says what is wrong with it. */
export function parseFrame(text: string): Result<ClientFrame, string> {
  const frame = parseObject(text);
  if (frame === undefined) return fail("no JSON object");
  const { type, dst, payload } = frame;
  switch (type) {
    case "HEARTBEAT":
      return ok({ kind: "heartbeat" });
    case "OFFER":
    case "ANSWER":
    case "CANDIDATE": {
      if (!isText(dst, longestAddress)) return fail("no usable dst");
      if (!isObject(payload)) return fail("no payload");
      const { connectionId } = payload;
      if (!isText(connectionId, longestConnectionId)) return fail("no usable connectionId");
      const addressed = { dst, connectionId };
      if (type === "CANDIDATE") return candidateFrame(addressed, payload);
      const sdp = isObject(payload.sdp) ? payload.sdp.sdp : undefined;
      if (typeof sdp !== "string") return fail("no sdp");
      if (type === "ANSWER") return ok({ kind: "answer", ...addressed, sdp });
      return offerFrame(addressed, payload, sdp, text);
    }
    case "LEAVE":
      if (dst === undefined || dst === null) return ok({ kind: "leave", dst: undefined });
      return isText(dst, longestAddress) ? ok({ kind: "leave", dst }) : fail("no usable dst");
    default:
      return typeof type === "string" ? ok({ kind: "other" }) : fail("no type");
  }
}

function offerFrame(
  addressed: Addressed,
  payload: Extra,
  sdp: string,
  text: string,
): Result<ClientFrame, string> {
  const { type } = payload;
  if (type !== "media" && type !== "data") return fail("no type of connection");
  // It is written again, by us and by others.
  if (isTooDeep(text)) return fail("nested too deep");
  const { sdp: _, ...extra } = payload;
  return ok({ kind: "offer", ...addressed, type, sdp, extra });
}

function candidateFrame(addressed: Addressed, { candidate: given }: Extra): Result<ClientFrame, string> {
  if (!isObject(given) || typeof given.candidate !== "string" || given.candidate.length > longestCandidate)
    return fail("no candidate");
  const { sdpMid, sdpMLineIndex, usernameFragment } = given;
  const candidate: Candidate = { candidate: given.candidate };
  if (isText(sdpMid, 128)) candidate.sdpMid = sdpMid;
  if (Number.isInteger(sdpMLineIndex) && (sdpMLineIndex as number) >= 0 && (sdpMLineIndex as number) < 65_536)
    candidate.sdpMLineIndex = sdpMLineIndex as number;
  if (isText(usernameFragment, longestName)) candidate.usernameFragment = usernameFragment;
  return ok({ kind: "candidate", ...addressed, candidate });
}

function parseObject(text: string): Extra | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Extra {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown, most: number): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= most;
}

/** What the server says of itself: the client is signed in, or why it is not. */
export type Notice = "OPEN" | "INVALID-KEY" | "ID-TAKEN" | { readonly error: string };

/** The text of a notice. Clients show the text of an error to people who write code. */
export function noticeText(notice: Notice): string {
  if (typeof notice === "object") return JSON.stringify({ type: "ERROR", payload: { msg: notice.error } });
  const payload = notice === "ID-TAKEN" ? { payload: { msg: "ID is taken" } } : {};
  return JSON.stringify({ type: notice, ...payload });
}

/** The text of a message from one peer to another. */
export function frameText(
  type: "OFFER" | "ANSWER" | "CANDIDATE" | "LEAVE" | "EXPIRE",
  src: string,
  dst: string,
  payload?: object,
): string {
  return JSON.stringify({ type, src, dst, ...(payload === undefined ? {} : { payload }) });
}
