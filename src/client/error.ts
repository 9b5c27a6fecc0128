/** What a server may answer; docs/errors.md explains each code. */
type ServerCode =
  | "bad_request"
  | "unknown_type"
  | "too_large"
  | "rate_limited"
  | "too_many_requests"
  | "unauthorized"
  | "token_expired"
  | "subject_mismatch"
  | "forbidden"
  | "no_session"
  | "wrong_state"
  | "answered_elsewhere"
  | "not_confirmed"
  | "candidates_before_accept"
  | "incompatible"
  | "stale_pair"
  | "stale_generation"
  | "move_failed"
  | "no_device"
  | "no_room"
  | "room_full"
  | "room_closed"
  | "refused"
  | "no_media_server"
  | "no_push"
  | "not_live"
  | "stream_taken"
  | "media_full"
  | "too_many_devices"
  | "too_many_rings"
  | "too_many_watches"
  | "too_many_rooms"
  | "too_many_sessions"
  | "outcome_unknown"
  | "temporary"
  | "internal";

/**
 * Why a promise of this library rejects: a code of the server (docs/errors.md), or one of the library's own: `closed` (the object
 * had ended), `replaced` (the device signed in elsewhere), `kicked` (the application ended the device's links), `unsupported` (the
 * platform lacks it), `insecure_context` (cameras need https or localhost), `media_denied`, `media_missing` and `media_busy`
 * (camera or microphone), `negotiation_failed` (the two ends have no media in common, or no path), `overflow` (a channel has too
 * much unread data, or a message is too large for it).
 */
export type ErrorCode =
  | ServerCode
  | "closed"
  | "replaced"
  | "kicked"
  | "unsupported"
  | "insecure_context"
  | "media_denied"
  | "media_missing"
  | "media_busy"
  | "negotiation_failed"
  | "overflow";

/** The only error that this library rejects with, apart from the reason of your own `AbortSignal`. */
export class SwitchboardError extends Error {
  /** What went wrong. Codes are stable over versions. */
  declare readonly code: ErrorCode;
  /** True when the same request may succeed later. */
  declare readonly temporary: boolean;
  /** How long to wait before that, in ms, if it is known. */
  declare readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string = code, temporary = false, retryAfter?: number) {
    super(message);
    this.name = "SwitchboardError";
    this.code = code;
    this.temporary = temporary;
    this.retryAfter = retryAfter;
  }

  /** True for an error of this library, even of another copy of it. With `code`, only for errors of that code. */
  static is(error: unknown, code?: ErrorCode): error is SwitchboardError {
    return (
      error instanceof Error &&
      error.name === "SwitchboardError" &&
      (code === undefined || (error as SwitchboardError).code === code)
    );
  }
}

/** Makes a SwitchboardError of whatever was thrown. @internal */
export function toError(thrown: unknown, code: ErrorCode): SwitchboardError {
  if (SwitchboardError.is(thrown)) return thrown;
  return new SwitchboardError(code, thrown instanceof Error ? thrown.message : String(thrown));
}

/** Lets a promise reject unhandled without an `unhandledrejection` event. @internal */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** A {@link quiet} promise without a value. @internal */
export function settled(promise: Promise<unknown>): Promise<void> {
  return quiet(promise.then(() => {}));
}

/** Calls `act` when the signal aborts, at once if it already has. The returned function stops listening. @internal */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal?.aborted) act();
  signal?.addEventListener("abort", act);
  return () => signal?.removeEventListener("abort", act);
}

/** Settles like the promise, or rejects with the signal's reason as soon as that aborts. @internal */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return quiet(
    new Promise<T>((resolve, reject) => {
      const off = onAbort(signal, () => reject(signal?.reason));
      promise.then(resolve, reject).finally(off);
    }),
  );
}
