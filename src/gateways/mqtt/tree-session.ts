import type { Deadline } from "../../shared/deadlines.ts";
import type { DeviceTree } from "./device-tree.ts";
import type { Message } from "./packets.ts";
import type { Session } from "./session.ts";

/** A session in its device's tree, and what becomes of both once its connection is gone. */
export interface TreeSession {
  readonly tree: DeviceTree;
  readonly session: Session;
  /** When it ends without a connection. */
  expiry: Deadline | undefined;
  /** A Will that is published unless its client comes back before. */
  will: { readonly message: Message; readonly deadline: Deadline } | undefined;
}
