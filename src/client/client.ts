import type { Client, ConnectOptions } from "./api.ts";
import { SwitchboardError } from "./error.ts";

/** Connects to a server. Returns at once; what is asked before it is online waits. */
export function connect(_options: ConnectOptions): Client {
  throw new SwitchboardError("unsupported", "under construction");
}
