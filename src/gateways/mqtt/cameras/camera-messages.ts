import type { Candidate } from "../../../protocol/values.ts";

/** Characters of the longest message that is looked at: libpeer writes a description into 8,096 bytes, and pi-webrtc has no bound. */
const longestMessage = 65_536;

/** A reply of libpeer to a request, by the request's id. An error is its JSON-RPC code. */
export type RpcReply =
  | { readonly id: number; readonly result: string }
  | { readonly id: number; readonly error: number };

/** Reads a reply of libpeer (JSON-RPC 2.0). Undefined for anything else. */
export function parseReply(text: string): RpcReply | undefined {
  const { id, result, error } = fieldsOf(text);
  if (typeof id !== "number" || !Number.isSafeInteger(id)) return undefined;
  if (typeof result === "string") return { id, result };
  if (typeof error !== "object" || error === null) return undefined;
  const { code } = error as { code?: unknown };
  return { id, error: typeof code === "number" ? code : 0 };
}

/** A request to libpeer. `id` is positive: for others the camera would post its offer over HTTP. */
export function requestText(id: number, method: string, params?: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, ...(params !== undefined && { params }) });
}

/** Reads a description of pi-webrtc, `{"type":…,"sdp":…}`. Undefined for anything else. */
export function parsePiDescription(text: string, type: "offer" | "answer"): string | undefined {
  const fields = fieldsOf(text);
  return fields.type === type && typeof fields.sdp === "string" ? fields.sdp : undefined;
}

/** Reads a candidate of pi-webrtc. Undefined for anything else. */
export function parsePiCandidate(text: string): Candidate | undefined {
  const { candidate, sdpMid, sdpMLineIndex } = fieldsOf(text);
  if (typeof candidate !== "string" || candidate.length > 2_048) return undefined;
  if (typeof sdpMid !== "string" || sdpMid.length > 128) return undefined;
  const index = typeof sdpMLineIndex === "number" && Number.isInteger(sdpMLineIndex) ? sdpMLineIndex : -1;
  return { candidate, sdpMid, ...(index >= 0 && index < 65_536 && { sdpMLineIndex: index }) };
}

function fieldsOf(text: string): Record<string, unknown> {
  if (text.length > longestMessage) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
