import { type Request, silentRequests } from "../../protocol/requests.ts";
import type { Device, Outcome } from "../../signaling/device.ts";
import { NativeLink } from "../../signaling/link/native-link.ts";

/** Tells a device of this node what came of something that it had asked before: of a silent request only that it failed (F8). */
export function tellLate(
  device: Device,
  { id, type }: Pick<Request, "id" | "type">,
  outcome: Outcome | undefined,
  now: number,
): void {
  if (outcome === undefined) return;
  if (!silentRequests.has(type)) device.link.reply(id, outcome, now);
  else if ("error" in outcome) refuseSilent(device, id, outcome, now);
}

/** A silent request has failed, which was not counted as one that waits for its reply. */
export function refuseSilent({ link }: Device, id: number, outcome: Outcome, now: number): void {
  if (link instanceof NativeLink) link.inFlight += 1;
  link.reply(id, outcome, now);
}
