import { createSocket, type Socket } from "node:dgram";
import { dtlsCrypto } from "../../../src/net/dtls-crypto.ts";
import { type CloseReason, describeClose } from "../../../src/wire/dtls/close-reason.ts";
import { PathBudget } from "../../../src/wire/dtls/path-budget.ts";
import { DtlsSession } from "../../../src/wire/dtls/session.ts";
import type { DtlsSessionOptions, Established } from "../../../src/wire/dtls/session-options.ts";
import { clientCertificate, hex, serverCertificate } from "./pair.ts";

type OwnOptions = Omit<DtlsSessionOptions, "ports" | "role" | "remoteFingerprints">;

export interface UdpSideOptions extends Partial<OwnOptions> {
  readonly remoteFingerprints: DtlsSessionOptions["remoteFingerprints"];
  /** Of a client: the server's port. */
  readonly connectTo?: number;
  /** What becomes of each datagram received: none, one or several. `sent` tells how many datagrams we have sent by then. */
  readonly receive?: (datagram: Uint8Array, sent: () => number) => Iterable<Uint8Array>;
}

/** A session of ours on a loopback socket, with a real clock. */
export class UdpSide implements AsyncDisposable {
  readonly session: DtlsSession;
  readonly port: number;
  readonly established: Promise<Established>;
  readonly closed: Promise<CloseReason>;
  /** Datagrams received and sent, and the bytes of the largest one sent. */
  readonly count = { received: 0, sent: 0, largest: 0 };
  readonly #socket: Socket;
  #peer: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** A client of `connectTo`, or a server. */
  static async open(options: UdpSideOptions): Promise<UdpSide> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    return new UdpSide(socket, options);
  }

  private constructor(socket: Socket, { connectTo, receive, ...options }: UdpSideOptions) {
    this.#socket = socket;
    this.#peer = connectTo;
    this.port = socket.address().port;
    const established = Promise.withResolvers<Established>();
    const closed = Promise.withResolvers<CloseReason>();
    this.established = established.promise;
    this.closed = closed.promise;
    established.promise.catch(() => {});
    this.session = new DtlsSession({
      role: connectTo === undefined ? "server" : "client",
      certificate: connectTo === undefined ? serverCertificate : clientCertificate,
      crypto: dtlsCrypto,
      path: new PathBudget(true),
      ...options,
      ports: {
        send: (datagram) => {
          this.count.sent++;
          this.count.largest = Math.max(this.count.largest, datagram.length);
          socket.send(datagram, this.#peer ?? 0, "127.0.0.1");
        },
        established: established.resolve,
        closed: (reason) => {
          established.reject(new Error(describeClose(reason)));
          closed.resolve(reason);
        },
      },
    });
    socket.on("error", () => {});
    socket.on("message", (datagram, { port }) => {
      this.count.received++;
      this.#peer ??= port;
      if (port !== this.#peer) return;
      const sent = () => this.count.sent;
      for (const one of receive?.(datagram, sent) ?? [datagram]) this.session.receive(one, performance.now());
      this.#schedule();
    });
    this.session.start(performance.now());
    this.#schedule();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.session.close();
    // A close_notify that is on its way gets out.
    await new Promise((resolve) => setImmediate(resolve));
    this.#socket.close();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const at = this.session.nextDeadline;
    if (at === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.session.tick(performance.now());
        this.#schedule();
      },
      Math.max(0, Math.ceil(at - performance.now())),
    );
  }
}

/** What an exporter with the label EXTRACTOR-dtls_srtp gives (RFC 5764 §4.2), in hex. */
export function keyingMaterial({ local, remote }: Established, role: "client" | "server"): string {
  const [client, server] = role === "client" ? [local, remote] : [remote, local];
  return hex(client.key, server.key, client.salt, server.salt);
}
