import type { Deadline } from "../../shared/deadlines.ts";
import type { Identity } from "../../signaling/ports.ts";
import type { GatewayTraffic } from "../gateway-traffic.ts";
import type { Cameras } from "./cameras/cameras.ts";
import type { ClientConnection } from "./connection.ts";
import type { OpenTransport } from "./native-topics.ts";
import type { ServerPacket, Version, Will } from "./packets.ts";
import type { MqttLimits } from "./settings.ts";
import type { SignInPorts } from "./sign-in.ts";
import type { TopicDevice } from "./topics.ts";
import type { TreeSession } from "./tree-session.ts";

/** The bytes of a connection, and who is at its other end. */
export interface Wire {
  readonly address: string;
  /** The common name of the client's certificate, where it was verified. */
  readonly certificate: string | undefined;
  readonly buffered: number;
  /** Sends a packet. False when the client is too slow, or gone. */
  send(packet: ServerPacket, version: Version): boolean;
  publishText(topic: string, text: string, id: number, version: Version): boolean;
  /** Closes it, after what was sent. `lost` of the connection is not called. */
  close(): void;
}

/** Bytes to text: frames are UTF-8. */
export type ReadText = (payload: Uint8Array) => string | undefined;

/** What a connection has of the endpoint that it belongs to. */
export interface ConnectionHost {
  readonly limits: MqttLimits;
  readonly ports: SignInPorts & {
    readonly open: OpenTransport;
    now(): number;
    /** An unguessable text of this many random bytes. */
    random(bytes: number): string;
    /** True for an identity that a kick has made void, or that has expired. */
    stale(identity: Identity, now: number): boolean;
  };
  readonly draining: boolean;
  readonly traffic: GatewayTraffic<ClientConnection>;
  readonly readText: ReadText;
  readonly cameras: Cameras;
  after(ms: number, from: number, due: (now: number) => void): Deadline;
  /** How long a session that is to be kept for so many seconds is kept, ms. */
  expiry(seconds: number): number;
  /**
   * The session of a client id of the device, for this connection. Another connection that has it is closed. Undefined where the
   * device has too many.
   */
  openSession(
    device: TopicDevice,
    clientId: string,
    clean: boolean,
    connection: ClientConnection,
    now: number,
  ): { readonly held: TreeSession; readonly present: boolean } | undefined;
  /** A connection has ended: its session stays for `expiry` ms, and its Will is published, now or after its delay. */
  closed(
    connection: ClientConnection,
    held: TreeSession | undefined,
    expiry: number,
    will: Will | undefined,
    now: number,
  ): void;
}
