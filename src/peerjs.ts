/** A PeerJS server for a program of yours, in place of the package `peer`: docs/peerjs.md. */
export type { PeerjsClient } from "./gateways/peerjs/gateway.ts";
export {
  ExpressPeerServer,
  PeerServer,
  type PeerServerApp,
  type PeerServerEvents,
  type PeerServerOptions,
} from "./server/peer-server.ts";
