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
    compact: (all) => latest(all, wall() - limits.life),
  });
  registrations.restore(lines.load(), wall());
  return registrations;
}

/** The last word about each device, if that is a registration made since then. Other processes of this machine may write as well. */
function latest(lines: readonly RegistrationLine[], since: number): RegistrationLine[] {
  const last = new Map<string, RegistrationLine>();
  for (const line of lines) {
    const { user, device } = "put" in line ? line.put : line.removed;
    last.delete(`${user}/${device}`);
    if ("put" in line && line.put.at >= since) last.set(`${user}/${device}`, line);
  }
  return [...last.values()];
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
