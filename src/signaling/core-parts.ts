import type { Cluster } from "./cluster/cluster.ts";
import type { ClusterRooms } from "./cluster/cluster-rooms.ts";
import type { Device } from "./device.ts";
import type { Directory } from "./directory.ts";
import type { LinkMigration } from "./link-migration.ts";
import type { Links } from "./links.ts";
import type { Ports } from "./ports.ts";
import type { Presence } from "./presence.ts";
import type { Rooms } from "./rooms.ts";
import type { Sessions } from "./sessions.ts";

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
