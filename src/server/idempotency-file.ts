import { Idempotency, type IdempotencyLine } from "../api/idempotency.ts";
import { StateLines } from "./state-lines.ts";

/**
 * Requests of the API by their `Idempotency-Key`, kept in the state folder: after a crash a repeat gets the first answer, or is refused,
 * and is never executed twice. `failed` is told when the file can't be used.
 */
export function keptIdempotency(
  folder: string,
  wall: () => number,
  failed: (error: Error) => void,
): Idempotency {
  const idempotency = new Idempotency((line) => lines.add(line));
  const lines: StateLines<IdempotencyLine> = new StateLines({
    ...{ folder, fileName: "api-requests.ndjson", failed, parse },
    // Of a running server it knows itself what is needed; of one that starts all lines that are not too old.
    compact: (kept) => {
      if (idempotency.size === 0) idempotency.restore(kept, wall());
      return [...idempotency.lines(wall())];
    },
  });
  lines.load();
  return idempotency;
}

function parse(value: unknown): IdempotencyLine | undefined {
  if (!Array.isArray(value)) return undefined;
  const [kind, key, third, expires] = value as readonly unknown[];
  if (typeof key !== "string") return undefined;
  if (kind === "began" && typeof third === "string" && typeof expires === "number")
    return ["began", key, third, expires];
  if (kind === "forgot") return ["forgot", key];
  return kind === "done" && typeof third === "object" && third !== null && "state" in third
    ? (value as unknown as IdempotencyLine)
    : undefined;
}
