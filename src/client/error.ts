import type { WireCode } from "../protocol/error-codes.ts";

/**
 * Every reason for which a promise of this library rejects: a code of the server (docs/errors.md), or one of our own:
 * `closed` (the object had ended), `replaced` and `kicked` (the
 * device signed in at another place; the application ended its links), `unsupported` (this platform lacks it), `insecure_context` (cameras need https or
 * localhost), `media_denied`, `media_missing` and `media_busy` (camera or microphone), `negotiation_failed` (the two
 * ends do not understand each other's media), `overflow` (too much unread or too large for a channel).
 */
export type ErrorCode =
  | WireCode
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

/** The only error that this library rejects with, except the reason of an `AbortSignal` of yours. */
export class SwitchboardError extends Error {
  /** What went wrong, stable over versions: branch on this. */
  readonly code: ErrorCode;
  /** True when the same request may succeed later. */
  readonly temporary: boolean;
  /** Milliseconds to wait before that, when they are known. */
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string = code, temporary = false, retryAfter?: number) {
    super(message);
    this.name = "SwitchboardError";
    this.code = code;
    this.temporary = temporary;
    this.retryAfter = retryAfter;
  }

  /** True for an error of this library, even one of another copy of it; with a code, only for that one. */
  static is(error: unknown, code?: ErrorCode): error is SwitchboardError {
    return (
      error instanceof Error &&
      error.name === "SwitchboardError" &&
      (code === undefined || (error as SwitchboardError).code === code)
    );
  }
}

/** The error of whatever was thrown, so that callers see one type. */
export function toError(thrown: unknown, code: ErrorCode): SwitchboardError {
  if (SwitchboardError.is(thrown)) return thrown;
  return new SwitchboardError(code, thrown instanceof Error ? thrown.message : String(thrown));
}

/** A promise that may be left unwatched: its rejection then is no `unhandledrejection`. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Awaits without a result; like {@link quiet}. */
export function settled(promise: Promise<unknown>): Promise<void> {
  return quiet(promise.then(() => {}));
}

/** Calls `act` when the signal aborts, at once if it has; the returned function ends that. */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal?.aborted) act();
  signal?.addEventListener("abort", act);
  return () => signal?.removeEventListener("abort", act);
}

/** Settles like the promise, or rejects with the signal's reason as soon as that aborts. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return quiet(
    new Promise<T>((resolve, reject) => {
      const off = onAbort(signal, () => reject(signal?.reason));
      promise.then(resolve, reject).finally(off);
    }),
  );
}
