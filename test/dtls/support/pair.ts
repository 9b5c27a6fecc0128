import { generateCertificate } from "../../../src/net/dtls-certificate.ts";
import { dtlsCrypto } from "../../../src/net/dtls-crypto.ts";
import type { CloseReason } from "../../../src/wire/dtls/close-reason.ts";
import type { DtlsCertificate } from "../../../src/wire/dtls/crypto.ts";
import { type Fingerprint, fingerprintOf, parseFingerprint } from "../../../src/wire/dtls/fingerprint.ts";
import { PathBudget } from "../../../src/wire/dtls/path-budget.ts";
import { DtlsSession } from "../../../src/wire/dtls/session.ts";
import type { DtlsSessionOptions, Established } from "../../../src/wire/dtls/session-options.ts";

export const serverCertificate: DtlsCertificate = generateCertificate(new Date());
export const clientCertificate: DtlsCertificate = generateCertificate(new Date());
/** Of a stranger: nobody has signaled it. */
export const otherCertificate: DtlsCertificate = generateCertificate(new Date());

function fingerprints(certificate: { readonly der: Uint8Array }): Fingerprint[] {
  return [parseFingerprint(fingerprintOf(certificate.der, dtlsCrypto)) as Fingerprint];
}

/** One side, and what came of it. */
export class Side {
  readonly session: DtlsSession;
  readonly sent: Uint8Array[] = [];
  established: Established | undefined;
  closed: CloseReason | undefined;

  constructor(role: "client" | "server", options: Partial<DtlsSessionOptions> = {}) {
    const [own, peer] =
      role === "server" ? [serverCertificate, clientCertificate] : [clientCertificate, serverCertificate];
    this.session = new DtlsSession({
      role,
      certificate: own,
      remoteFingerprints: fingerprints(peer),
      crypto: dtlsCrypto,
      path: new PathBudget(true),
      ...options,
      ports: {
        send: (datagram) => this.sent.push(datagram),
        established: (result) => {
          this.established = result;
        },
        closed: (reason) => {
          this.closed = reason;
        },
      },
    });
  }

  /** What it has sent since the last call. */
  take(): Uint8Array[] {
    return this.sent.splice(0);
  }
}

/** What becomes of a record on its way: none, one or several records, in their order. */
export type Filter = (record: Uint8Array, pair: Pair) => readonly Uint8Array[];

export interface PairOptions {
  readonly client?: Partial<DtlsSessionOptions>;
  readonly server?: Partial<DtlsSessionOptions>;
  /** Of records to the server, and to the client. Each record then goes in a datagram of its own. */
  readonly toServer?: Filter;
  readonly toClient?: Filter;
  /** How long a datagram takes, in ms; undefined when it is lost. 1 by default. */
  readonly delay?: () => number | undefined;
}

/** A client and a server with a wire between them, in simulated time. */
export class Pair {
  readonly client: Side;
  readonly server: Side;
  now = 0;
  /** Datagrams each side has sent. */
  readonly count = { client: 0, server: 0 };
  readonly #options: PairOptions;
  readonly #wire: { readonly at: number; readonly to: Side; readonly datagram: Uint8Array }[] = [];

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.client = new Side("client", options.client);
    this.server = new Side("server", options.server);
    this.client.session.start(0);
    this.collect();
  }

  /** Lets so many ms go by. */
  run(ms: number): this {
    const end = this.now + ms;
    for (;;) {
      const next = this.#next();
      if (next === undefined || next > end) break;
      this.now = Math.max(this.now, next);
      const due = this.#wire.findIndex(({ at }) => at <= this.now);
      if (due >= 0) {
        const [first] = this.#wire.splice(due, 1);
        if (first !== undefined) receiveReused(first.to, first.datagram, this.now);
      } else for (const { session } of [this.client, this.server]) session.tick(this.now);
      this.collect();
    }
    this.now = end;
    return this;
  }

  /** Puts what both have sent on the wire. */
  collect(): void {
    for (const [from, to, filter] of [
      ["client", this.server, this.#options.toServer],
      ["server", this.client, this.#options.toClient],
    ] as const)
      for (const datagram of this[from].take()) {
        this.count[from]++;
        const parts =
          filter === undefined ? [datagram] : recordsOf(datagram).flatMap((one) => filter(one, this));
        for (const part of parts) this.put(to, part);
      }
  }

  put(to: Side, datagram: Uint8Array): void {
    const delay = this.#options.delay === undefined ? 1 : this.#options.delay();
    if (delay === undefined) return;
    this.#wire.push({ at: this.now + delay, to, datagram });
    this.#wire.sort((one, other) => one.at - other.at);
  }

  /** True when both have the same keys. */
  get agreed(): boolean {
    const [one, other] = [this.client.established, this.server.established];
    if (one === undefined || other === undefined || one.profile !== other.profile) return false;
    return (
      hex(one.local.key, one.local.salt, one.remote.key, one.remote.salt) ===
      hex(other.remote.key, other.remote.salt, other.local.key, other.local.salt)
    );
  }

  #next(): number | undefined {
    const times = [this.#wire[0]?.at, this.client.session.nextDeadline, this.server.session.nextDeadline];
    const known = times.filter((time) => time !== undefined);
    return known.length > 0 ? Math.min(...known) : undefined;
  }
}

/** As a socket does that uses its memory again: what the session keeps must be a copy. */
function receiveReused({ session }: Side, datagram: Uint8Array, now: number): void {
  const buffer = Buffer.from(datagram);
  session.receive(buffer, now);
  buffer.fill(0xee);
}

export function hex(...parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString("hex");
}

/** The records of a datagram, each with its header. */
export function recordsOf(datagram: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at + 13 <= datagram.length; ) {
    const end = at + 13 + (((datagram[at + 11] ?? 0) << 8) | (datagram[at + 12] ?? 0));
    records.push(datagram.slice(at, end));
    at = end;
  }
  return records;
}
