/** A PeerJS server for a program of yours, in place of the package `peer`: docs/peerjs.md. */
export type { PeerjsClient } from "./gateways/peerjs/listener.ts";
export {
  ExpressPeerServer,
  type PeerMessage,
  PeerServer,
  type PeerServerApp,
  type PeerServerEvents,
  type PeerServerOptions,
} from "./server/peer-server.ts";
