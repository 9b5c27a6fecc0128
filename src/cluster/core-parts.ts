import type { Device } from "../signaling/device.ts";
import type { Directory } from "../signaling/directory.ts";
import type { Links } from "../signaling/link/links.ts";
import type { Ports } from "../signaling/ports.ts";
import type { Presence } from "../signaling/presence.ts";
import type { Rooms } from "../signaling/room/rooms.ts";
import type { Sessions } from "../signaling/session/sessions.ts";
import type { Cluster } from "./cluster.ts";
import type { LinkMigration } from "./links/link-migration.ts";
import type { ClusterRooms } from "./rooms/cluster-rooms.ts";

/** What the core consists of, for those of its parts that have to do with all the others. */
export interface CoreParts {
  readonly ports: Ports;
  readonly directory: Directory;
  readonly links: Links;
  /** Devices of other protocols, by the ids of their links. */
  readonly gatewayDevices: ReadonlyMap<string, Device>;
  readonly migration: LinkMigration;
  readonly sessions: Sessions;
  readonly presence: Presence;
  readonly rooms: Rooms | ClusterRooms;
  /** The other nodes, where there are any. */
  readonly cluster: Cluster | undefined;
}
