import type { Limits } from "./limits.ts";

/**
 * Every error code that the server can put into a reply: what it means and whether the same request may
 * succeed when it is sent again later (`temporary`). `docs/errors.md` is tested against this table.
 */
export const errorCodes = {
  bad_request: { temporary: false, text: "The frame breaks its schema or a rule of its type." },
  unknown_type: { temporary: false, text: "The server knows no request of this type." },
  too_large: { temporary: false, text: "A field is over its limit (SDP, candidates, body); see `limits`." },
  rate_limited: { temporary: true, text: "Too many requests; wait `retryAfter` milliseconds." },
  too_many_requests: { temporary: true, text: "Too many requests are in flight on this link." },
  unauthorized: {
    temporary: false,
    text: "The token is missing, malformed, forged, or of the wrong audience or issuer.",
  },
  token_expired: {
    temporary: false,
    text: "The token has expired, or the user was signed out after it was issued.",
  },
  subject_mismatch: { temporary: false, text: "`refresh` brought a token of another user or device." },
  forbidden: { temporary: false, text: "No grant of the token covers this." },
  no_session: { temporary: false, text: "There is no such session, or this device holds no leg of it." },
  wrong_state: { temporary: false, text: "The session is in a state in which this request makes no sense." },
  answered_elsewhere: { temporary: false, text: "Another device of the user answered first." },
  not_confirmed: {
    temporary: false,
    text: "The caller did not confirm the accept in time, or had already given up.",
  },
  candidates_before_accept: {
    temporary: false,
    text: "A description sent before the call is accepted holds candidates; they carry addresses.",
  },
  incompatible: {
    temporary: false,
    text: "The devices can't do this together: the offer is of no use here, or its sender can't be refused one.",
  },
  stale_pair: { temporary: false, text: "The pair is not open (any more) in this session." },
  stale_generation: { temporary: false, text: "The generation is not the current one of its pair." },
  move_failed: {
    temporary: true,
    text: "The other device refused, was gone, or did not connect; the call goes on where it was.",
  },
  no_device: { temporary: false, text: "The user has no such device online." },
  no_room: { temporary: false, text: "This device is not in such a room." },
  room_full: { temporary: true, text: "The room has reached its size." },
  room_closed: {
    temporary: true,
    text: "The room is outside its time window; `retryAfter` says when it opens, if it will.",
  },
  refused: { temporary: false, text: "A moderator of the room refused the knock." },
  no_push: { temporary: false, text: "This server wakes no devices, or not in this way." },
  no_media_server: { temporary: false, text: "This server has no media server: there are no streams here." },
  not_live: {
    temporary: true,
    text: "Nobody publishes the stream now; `retryAfter` says when to ask again.",
  },
  stream_taken: {
    temporary: true,
    text: "Somebody else publishes the stream, and is not replaced; `retryAfter` says when to ask again.",
  },
  media_full: {
    temporary: true,
    text: "The media server takes no more publishers or viewers now; `retryAfter` says when to ask again.",
  },
  too_many_devices: { temporary: true, text: "The user has reached the limit of devices." },
  too_many_rings: {
    temporary: true,
    text: "Too many calls are ringing between these users, or at this callee.",
  },
  too_many_watches: {
    temporary: false,
    text: "The link has reached the limit of watched users, or of watched streams.",
  },
  too_many_rooms: { temporary: false, text: "The link has reached the limit of rooms." },
  too_many_sessions: { temporary: true, text: "The device or the node has reached the limit of sessions." },
  outcome_unknown: {
    temporary: true,
    text: "The link was lost for good before the reply: the request may or may not have taken effect.",
  },
  temporary: { temporary: true, text: "The server can't do this now (draining, backplane lost); try again." },
  internal: { temporary: true, text: "A fault of the server; it is in the server's log." },
} as const satisfies Record<string, { temporary: boolean; text: string }>;

/** A code that the server puts into the `error` of a reply. */
export type WireCode = keyof typeof errorCodes;

/** A failed request, as a value. */
export interface WireError {
  readonly code: WireCode;
  readonly message: string;
  readonly temporary: boolean;
  /** Milliseconds to wait before the same request may succeed. */
  readonly retryAfter?: number;
  /** The bound that the request would have broken. */
  readonly limit?: keyof Limits;
}

/** Makes the error of a reply; `message` defaults to the code's own text. */
export function wireError(code: WireCode, message?: string, retryAfter?: number): WireError {
  const { temporary, text } = errorCodes[code];
  const error = { code, message: message ?? text, temporary };
  return retryAfter === undefined ? error : { ...error, retryAfter };
}

/** Makes the error of a request that a bound refuses. Clients are told which, and metrics count it. */
export function overLimit(
  limit: keyof Limits,
  code: WireCode,
  message?: string,
  retryAfter?: number,
): WireError {
  return { ...wireError(code, message, retryAfter), limit };
}
