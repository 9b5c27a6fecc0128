import { type WireCode, wireError } from "../protocol/error-codes.ts";
import type { Outcome } from "./device.ts";

/** A request that had nothing more to say than that it was done. */
export const done: Outcome = { ok: {} };

/** A request that failed, with the code's own text where none is given. */
export function failed(code: WireCode, message?: string): Outcome {
  return { error: wireError(code, message) };
}
