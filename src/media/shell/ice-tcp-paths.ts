import { after } from "../../net/clock.ts";
import type { StreamHandlers, StreamSocket } from "../../net/tcp.ts";
import { formatAddress, parseAddress, unmapped } from "../../shared/ip-address.ts";
import type { TransportAddress } from "../../wire/stun/transport-address.ts";
import { FrameReader, frame, frameHeaderBytes } from "../transport/ice-tcp.ts";
import type { MediaPath, PathOwner } from "../transport/path.ts";
import type { TransportTable } from "../transport/transport-table.ts";

/** What one connection may wait for and keep waiting. */
export interface IceTcpLimits {
  /** From its start until a check has passed on it, in ms. */
  readonly firstCheck: number;
  /** Bytes that wait to be sent: above, media is dropped. */
  readonly mediaBuffer: number;
  /** Bytes that wait to be sent: above, the connection is closed, as nothing but STUN and DTLS can have filled it so far. */
  readonly buffer: number;
}

const iceTcpLimits: IceTcpLimits = {
  firstCheck: 5_000,
  mediaBuffer: 131_072,
  buffer: 262_144,
};

/** Frames that a connection may send before a check has passed. */
const mostStrange = 8;

/** Serves passive ICE-TCP (RFC 6544): each connection is a path. */
export class IceTcpPaths {
  readonly #table: TransportTable;
  readonly #now: () => number;
  readonly #limits: IceTcpLimits;

  constructor(table: TransportTable, now: () => number, limits: Partial<IceTcpLimits> = {}) {
    this.#table = table;
    this.#now = now;
    this.#limits = { ...iceTcpLimits, ...limits };
  }

  accept(socket: StreamSocket): StreamHandlers | undefined {
    const parsed = parseAddress(socket.remoteAddress);
    if (parsed === undefined) return undefined;
    const address = { address: unmapped(parsed), port: socket.remotePort };
    const { drops } = this.#table;
    const path = new TcpPath(socket, address, this.#limits, {
      noCheck: () => drops.count("tcp_no_check"),
      notReading: () => drops.count("tcp_not_reading"),
    });
    const reader = new FrameReader();
    let strange = 0;
    const take = (datagram: Uint8Array): boolean => {
      this.#table.datagram(datagram, path, this.#now());
      if (path.closed) return false;
      if (path.owner === undefined) strange++;
      return strange <= mostStrange;
    };
    return {
      data: (chunk) => {
        if (path.closed || reader.push(chunk, take)) return;
        if (!path.closed) drops.count("tcp_malformed");
        path.destroy();
      },
      closed: () => {
        path.destroy();
        this.#table.pathClosed(path);
      },
    };
  }
}

interface TcpPathPorts {
  noCheck(): void;
  notReading(): void;
}

class TcpPath implements MediaPath {
  readonly address: TransportAddress;
  readonly reliable = true;
  owner: PathOwner | undefined;
  closed = false;
  readonly #socket: StreamSocket;
  readonly #limits: IceTcpLimits;
  readonly #ports: TcpPathPorts;
  readonly #stopWaiting: () => void;

  constructor(socket: StreamSocket, address: TransportAddress, limits: IceTcpLimits, ports: TcpPathPorts) {
    this.#socket = socket;
    this.address = address;
    this.#limits = limits;
    this.#ports = ports;
    this.#stopWaiting = after(limits.firstCheck, () => {
      ports.noCheck();
      this.destroy();
    });
  }

  get key(): string {
    return `tcp ${formatAddress(this.address.address)} ${this.address.port}`;
  }

  get buffered(): number {
    return this.#socket.buffered;
  }

  send(bytes: Uint8Array): boolean {
    if (this.closed) return false;
    if (this.#socket.buffered + frameHeaderBytes + bytes.length > this.#limits.buffer) {
      this.#ports.notReading();
      this.destroy();
      return false;
    }
    this.#socket.write(frame(bytes, bytes.length));
    return true;
  }

  sendMedia(bytes: Uint8Array, length: number): boolean {
    if (this.closed || this.#socket.buffered + frameHeaderBytes + length > this.#limits.mediaBuffer)
      return false;
    this.#socket.write(frame(bytes, length));
    return true;
  }

  keep(): void {
    this.#stopWaiting();
  }

  release(): void {
    this.destroy();
  }

  destroy(): void {
    this.#stopWaiting();
    if (this.closed) return;
    this.closed = true;
    this.#socket.destroy();
  }
}
