import { canonicalAddress } from "../../../net/client-address.ts";
import type { Client, Socket, SocketHandlers, SocketRoute } from "../../../net/http-server.ts";
import type { StreamHandlers, StreamSocket } from "../../../net/tcp.ts";
import { Backlog, type Worker } from "../../../transports/fair-queue.ts";
import { FlowMeter, type FlowRates } from "../../../transports/flow-meter.ts";
import {
  type EntryGuard,
  refuseConnection,
  refuseEntry,
  refuseWhenFull,
} from "../../../transports/transport-guard.ts";
import type { ClientConnection } from "../connection.ts";
import type { Wire } from "../connection-host.ts";
import type { Endpoint } from "../endpoint.ts";
import { Framing } from "../framing.ts";
import type { ServerPacket, Version } from "../packets.ts";
import { reasons } from "../reason-codes.ts";
import { encodePacket, type PacketReader } from "./codec.ts";
import { encodeText } from "./plain-packets.ts";

/** What the shell of a connection needs of the gateway that it belongs to. */
export interface GatewayShell {
  readonly endpoint: Endpoint;
  readonly reader: PacketReader;
  /** The bounds of each connection. */
  readonly rates: FlowRates;
  /** Runs work for a connection, and lets the core do what became due. */
  act(work: (now: number) => void): void;
}

/** Where WebSocket clients connect. A client whose URL has no path comes to `/`. */
export function socketRoutes(gateway: GatewayShell, guard: EntryGuard): SocketRoute[] {
  return ["/mqtt", "/"].flatMap((path) =>
    ["mqtt", "mqttv3.1"].map((protocol) => ({
      path,
      protocol,
      check: (request: Request, client: Client) =>
        refuseEntry(guard, request, client) ?? refuseWhenFull(gateway.endpoint.traffic),
      open: (socket: Socket) => new SocketStream(gateway, guard, socket),
    })),
  );
}

/** Takes a TCP or TLS connection, or refuses it. */
export function acceptStream(
  gateway: GatewayShell,
  guard: EntryGuard,
  stream: StreamSocket,
): StreamHandlers | undefined {
  const address = canonicalAddress(stream.remoteAddress) ?? stream.remoteAddress;
  const client = { address, peer: address };
  if (gateway.endpoint.traffic.full || refuseConnection(guard, client) !== undefined) return undefined;
  return new TcpStream(gateway, guard, stream, client);
}

/** The first byte of CONNECT. */
const connectByte = 0x10;

/** Acknowledgements and pings are no longer than this, and cost less than other messages. Bytes */
const [shortPacket, shortCost] = [4, 64];

/** A packet, or what is to be done after those before. */
type Input = Uint8Array | (() => void);

/** The bytes of one client, whatever carries them. */
abstract class ClientStream implements Wire, Worker<Input> {
  readonly address: string;
  readonly certificate: string | undefined;
  readonly #gateway: GatewayShell;
  readonly #guard: EntryGuard;
  readonly #client: Client;
  readonly #meter: FlowMeter;
  readonly #backlog: Backlog<Input>;
  readonly #framing = new Framing();
  readonly #connection: ClientConnection;
  #open = true;
  /** Nothing has come yet. */
  #fresh = true;

  constructor(gateway: GatewayShell, guard: EntryGuard, client: Client, certificate?: string) {
    this.address = client.address;
    this.certificate = certificate;
    this.#gateway = gateway;
    this.#guard = guard;
    this.#client = client;
    const now = guard.now();
    this.#meter = new FlowMeter(gateway.rates, now);
    this.#backlog = new Backlog<Input>(guard.queue, this);
    guard.admission.entered(client);
    this.#connection = gateway.endpoint.connect(this, now);
  }

  abstract readonly buffered: number;
  /** Sends bytes; false when it could not. */
  protected abstract write(bytes: Uint8Array<ArrayBuffer>): boolean;
  protected abstract shut(): void;

  send(packet: ServerPacket, version: Version): boolean {
    return this.#write(encodePacket(packet, version));
  }

  publishText(topic: string, text: string, id: number, version: Version): boolean {
    return this.#write(encodeText(topic, text, id, version));
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#backlog.clear();
    this.#guard.admission.left(this.#client);
    this.shut();
  }

  /** Bytes came. */
  protected received(bytes: Uint8Array): void {
    if (!this.#open) return;
    if (!this.#meter.bytes(bytes.length, this.#guard.now())) {
      this.flooded();
      return;
    }
    if (this.#fresh && bytes.length > 0) {
      this.#fresh = false;
      // Whoever speaks another protocol is not waited for.
      if (bytes[0] !== connectByte) {
        this.#unreadable(reasons.protocolError, "the first packet is not CONNECT");
        return;
      }
    }
    const fault = this.#framing.push(bytes, this.#gateway.endpoint.limits.packetBytes, (packet) => {
      if (!this.#meter.framed(this.#guard.now())) this.flooded();
      else this.#wait(packet);
      return this.#open;
    });
    if (fault === undefined) return;
    const reason = fault === "too large" ? reasons.packetTooLarge : reasons.malformedPacket;
    this.#unreadable(reason, `the packet is ${fault}`);
  }

  /** The stream has closed. */
  protected gone(): void {
    if (!this.#open) return;
    this.#wait(() => {
      this.close();
      this.#gateway.act((now) => this.#connection.lost(now));
    });
  }

  // Worker

  perform(input: Input, came: number): void {
    if (!this.#open) return;
    if (typeof input === "function") {
      input();
      return;
    }
    const { reader, endpoint } = this.#gateway;
    const connection = this.#connection;
    const packet = connection.greeted ? reader.read(input, connection.version) : reader.readFirst(input);
    this.#gateway.act((now) => {
      if (packet.ok) {
        endpoint.traffic.count("taken");
        connection.receive(packet.value, now, came);
      } else connection.unreadable(packet.error.reason, packet.error.text, now);
    });
  }

  flooded(): void {
    if (!this.#open) return;
    this.#guard.admission.flooded(this.#client, this.#guard.now());
    this.#gateway.act((now) => this.#connection.disconnect(reasons.rateTooHigh, now, "too many packets"));
  }

  failed(): void {
    this.#gateway.act((now) => this.#connection.disconnect(reasons.unspecified, now, "internal error"));
  }

  #unreadable(reason: number, text: string): void {
    this.#wait(() => this.#gateway.act((now) => this.#connection.unreadable(reason, text, now)));
  }

  #wait(input: Input): void {
    const size = typeof input === "function" ? 0 : input.length;
    if (size > 0 && size <= shortPacket) this.#backlog.take(input, size, this.#guard.now(), shortCost);
    else this.#backlog.take(input, size, this.#guard.now());
  }

  #write(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (!this.#open) return false;
    if (this.write(bytes) && this.#meter.waiting(this.buffered)) return true;
    // Whoever sends is in the middle of something: the end comes after it.
    this.close();
    queueMicrotask(() => this.#gateway.act((now) => this.#connection.lost(now)));
    return false;
  }
}

class SocketStream extends ClientStream implements SocketHandlers {
  readonly #socket: Socket;

  constructor(gateway: GatewayShell, guard: EntryGuard, socket: Socket) {
    super(gateway, guard, socket.client);
    this.#socket = socket;
  }

  get buffered(): number {
    return this.#socket.buffered;
  }

  /** Packets are binary messages (MQTT 5.0 §6). */
  text(): void {
    this.closed();
    this.#socket.close(1003, "MQTT is binary");
  }

  binary(message: Uint8Array): void {
    this.received(message);
  }

  closed(): void {
    this.gone();
  }

  protected override write(bytes: Uint8Array<ArrayBuffer>): boolean {
    return this.#socket.send(bytes);
  }

  protected override shut(): void {
    this.#socket.close(1000, "");
  }
}

class TcpStream extends ClientStream implements StreamHandlers {
  readonly #stream: StreamSocket;

  constructor(gateway: GatewayShell, guard: EntryGuard, stream: StreamSocket, client: Client) {
    super(gateway, guard, client, stream.certificateName);
    this.#stream = stream;
  }

  get buffered(): number {
    return this.#stream.buffered;
  }

  data(bytes: Uint8Array): void {
    // Of what Node gives, parts are dear.
    this.received(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  closed(): void {
    this.gone();
  }

  protected override write(bytes: Uint8Array<ArrayBuffer>): boolean {
    this.#stream.write(bytes);
    return true;
  }

  protected override shut(): void {
    this.#stream.end();
  }
}
