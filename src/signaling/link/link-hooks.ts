import type { NodeItem } from "../../cluster/items.ts";
import type { LinkState } from "../../cluster/links/link-transfer.ts";
import type { Place } from "../../cluster/sessions/session-finder.ts";
import type { Device } from "../device.ts";
import type { Ticket } from "../session/tickets.ts";
import type { LinkEnd } from "./links.ts";

/** Where the sessions of tickets are, in a cluster. */
export type Places = ReadonlyMap<string, Place> | undefined;

/** What the core does when devices come and go. */
export interface LinkHooks {
  /** Finds the sessions of these tickets again for a device with a new link. Answers their ids; tells nobody yet. */
  recover(device: Device, tickets: readonly Ticket[], places: Places, now: number): string[];
  /** A device has a new link, and has heard `welcome`. */
  opened(device: Device, now: number): void;
  resumed(device: Device, now: number): void;
  /** A link has come from another node, with all that hangs on it; `held` is what this node had to say to it. */
  adopted(device: Device, linkState: LinkState, held: readonly NodeItem[], now: number): void;
  suspended(device: Device, now: number): void;
  /** The link is gone for good. */
  closed(device: Device, why: LinkEnd, now: number): void;
  /** What others may see of the user's devices has changed. */
  changed(user: string, now: number): void;
}
