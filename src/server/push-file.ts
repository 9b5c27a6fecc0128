import { readRegistration } from "../push/registration.ts";
import { PushRegistrations, type RegistrationLimits, type RegistrationLine } from "../push/registrations.ts";
import { StateLines } from "./state-lines.ts";

/**
 * Registrations of devices that can be woken, kept in the state folder: a restart forgets none. `wall`: Unix time in ms. `failed` is told
 * when the file can't be used.
 */
export function keptRegistrations(
  folder: string,
  limits: RegistrationLimits,
  wall: () => number,
  failed: (error: Error) => void,
): PushRegistrations {
  const registrations = new PushRegistrations(limits, (line) => lines.add(line));
  const lines: StateLines<RegistrationLine> = new StateLines({
    ...{ folder, fileName: "push-registrations.ndjson", failed, parse },
    // Of a running server they know themselves what is needed; of one that starts the lines tell.
    compact: (kept) => {
      if (registrations.size === 0) registrations.restore(kept, wall());
      return [...registrations.all(wall())].map((put) => ({ put }));
    },
  });
  lines.load();
  return registrations;
}

function parse(value: unknown): RegistrationLine | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { put, removed } = value as Record<string, unknown>;
  if (put !== undefined) {
    const registration = readRegistration(put);
    return registration && { put: registration };
  }
  const { user, device } = (removed ?? {}) as Record<string, unknown>;
  return typeof user === "string" && typeof device === "string" ? { removed: { user, device } } : undefined;
}
