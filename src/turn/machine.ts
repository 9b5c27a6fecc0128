import { formatAddress } from "../shared/ip-address.ts";
import { attribute } from "../wire/stun/attribute-type.ts";
import { encodeUnknownAttributes } from "../wire/stun/attribute-values.ts";
import { isChannelData } from "../wire/stun/channel-data.ts";
import type { StunCrypto } from "../wire/stun/crypto.ts";
import { errorCode } from "../wire/stun/error-code.ts";
import { checkFingerprint } from "../wire/stun/fingerprint.ts";
import { parseClassicBinding, parseMessage, type StunMessage } from "../wire/stun/message.ts";
import { method } from "../wire/stun/message-type.ts";
import { encodeAddress, encodeXorAddress } from "../wire/stun/transport-address.ts";
import { MessageWriter } from "../wire/stun/writer.ts";
import { allocate } from "./allocate.ts";
import type { Allocation } from "./allocation.ts";
import { error, seal, success } from "./answer.ts";
import { AnswerRates, ProvenAddresses } from "./answer-rates.ts";
import { Authentication, type Identity, offeredAlgorithms, type Refusal } from "./authentication.ts";
import { bindChannel } from "./bind-channel.ts";
import type { Client } from "./client.ts";
import { createPermission } from "./create-permission.ts";
import { type CredentialOptions, Credentials, userOf } from "./credentials.ts";
import type { EndReason, TurnEvent } from "./events.ts";
import type { TurnLimits } from "./limits.ts";
import { Nonces } from "./nonces.ts";
import { PeerPolicy, type PeerPolicyOptions, type PeerRule } from "./peer-policy.ts";
import { Quotas } from "./quotas.ts";
import { refresh } from "./refresh.ts";
import { type RelayPorts, Relays } from "./relay.ts";
import { type Failure, failures, type Outcome } from "./request-outcome.ts";
import { Reservations } from "./reservations.ts";
import { send } from "./send-indication.ts";
import { TurnStats } from "./stats.ts";
import { Traffic } from "./traffic.ts";
import type { UdpListener } from "./udp-listener.ts";
import { unknownAttributes } from "./unknown-attributes.ts";

export interface MachineOptions extends CredentialOptions {
  readonly limits: TurnLimits;
  readonly peers: PeerPolicyOptions;
  /** Key of the nonces. Servers with the same key accept each other's nonces. */
  readonly nonceKey: Uint8Array;
  /** Refuse requests of an existing allocation too once its credential has expired, not only new allocations. */
  readonly strictExpiry: boolean;
  /** Without REQUESTED-ADDRESS-FAMILY a relay is IPv4 (RFC 8656 §7.2), or, if this is true, of the client's own family. */
  readonly followClientFamily: boolean;
}

export interface MachinePorts {
  readonly crypto: StunCrypto & { random(bytes: number): Uint8Array };
  readonly relays: RelayPorts;
  /** How far the system's clock, by which credentials are dated, is ahead of the times that the machine is given; default 0. ms */
  readonly wallAhead?: () => number;
  emit(event: TurnEvent): void;
}

/** The current numbers. */
export interface TurnGauges {
  readonly allocations: number;
  readonly relays: number;
  readonly reservations: number;
}

/**
 * The shortest request that gets a challenge, in bytes: an Allocate with its required attribute. To a shorter one it would
 * amplify.
 */
const leastChallenged = 28;
/** The size of a FINGERPRINT, which the answer has too. */
const fingerprintBytes = 8;

/**
 * A STUN and TURN server (RFC 8489, RFC 8656) without sockets and clock. Messages come in with their client and the time;
 * answers and relayed data leave through the client and the relays' sockets before the call returns. It keeps no state of clients
 * without an allocation. {@link sweep} must be called once a second.
 */
export class TurnMachine {
  readonly options: MachineOptions;
  readonly ports: MachinePorts;
  readonly stats = new TurnStats();
  readonly policy: PeerPolicy;
  readonly relays = new Relays();
  readonly reservations = new Reservations();
  readonly quotas: Quotas;
  readonly traffic: Traffic;
  /** Time of the latest input, in ms, for work that ends between two inputs. */
  now = 0;
  readonly #credentials: Credentials;
  readonly #nonces: Nonces;
  readonly #authentication: Authentication;
  readonly #bindings: AnswerRates;
  readonly #refusals: AnswerRates;
  readonly #proven: ProvenAddresses;
  readonly #allocations = new Set<Allocation>();

  constructor(options: MachineOptions, ports: MachinePorts) {
    const { limits, nonceKey, strictExpiry } = options;
    this.options = options;
    this.ports = ports;
    this.policy = new PeerPolicy(options.peers);
    this.quotas = new Quotas(limits);
    this.traffic = new Traffic(this.stats, this.relays, this.policy, limits);
    this.#credentials = new Credentials(options, ports.crypto, ports.wallAhead);
    const features = { passwordAlgorithms: true, usernameAnonymity: this.#credentials.knowsAllNames };
    this.#nonces = new Nonces(nonceKey, limits.nonceAge, features, ports.crypto);
    this.#authentication = new Authentication(this.#credentials, this.#nonces, ports.crypto, strictExpiry);
    const [a = 0, b = 0, c = 0, d = 0] = ports.crypto.random(4);
    const seed = (a << 24) | (b << 16) | (c << 8) | d;
    this.#bindings = new AnswerRates(limits.bindingsPerSecond, limits.provenAnswersPerSecond, seed);
    this.#refusals = new AnswerRates(limits.refusalsPerSecond, limits.provenAnswersPerSecond, seed);
    this.#proven = new ProvenAddresses(seed);
  }

  get gauges(): TurnGauges {
    return {
      allocations: this.#allocations.size,
      relays: this.relays.size,
      reservations: this.reservations.size,
    };
  }

  /**
   * A datagram at a UDP listener, from an address as the platform writes it. The machine may write into the bytes. It asks for the
   * time only when it matters, which is not the case for relayed data.
   */
  datagram(
    listener: UdpListener,
    bytes: Uint8Array,
    port: number,
    address: string,
    clock: () => number,
  ): void {
    const first = bytes[0] ?? 0xff;
    const client = listener.find(address, port);
    if (isChannelData(first)) this.#channelData(client, bytes);
    else if (client !== undefined) this.message(client, bytes, clock());
    else {
      const stranger = first < 4 ? listener.stranger(address, port) : undefined;
      if (stranger === undefined) this.stats.refuse("malformed");
      else this.message(stranger, bytes, clock());
    }
  }

  /** One message of a client. The machine may write into the bytes. */
  message(client: Client, bytes: Uint8Array, now: number): void {
    if (isChannelData(bytes[0] ?? 0)) {
      this.#channelData(client, bytes);
      return;
    }
    this.now = now;
    const message = parseMessage(bytes) ?? parseClassicBinding(bytes);
    if (message === undefined || checkFingerprint(message) === false) this.stats.refuse("malformed");
    else if (message.class === "request") this.#request(client, message, now);
    else if (message.class === "indication" && message.method === method.send) send(this, client, message);
  }

  /** The connection of this client has closed. Its allocation ends. */
  disconnected(client: Client): void {
    client.pending = undefined;
    if (client.allocation !== undefined) this.end(client.allocation, "connection_closed");
  }

  /** Once a second: removes what has expired, and refills rates. */
  sweep(now: number): void {
    this.now = now;
    this.traffic.refill();
    for (const allocation of this.#allocations) if (!allocation.sweep(now)) this.end(allocation, "expired");
    this.reservations.sweep(now);
  }

  /**
   * Ends the allocations of this user and of all `user/…`, and refuses the credentials that they had `ago` ms before now. Answers how many
   * ended.
   */
  revoke(user: string, now: number, ago = 0): number {
    this.#credentials.revoke(user, now - ago, now);
    let ended = 0;
    for (const allocation of this.#allocations) {
      const name = allocation.identity.user;
      if (name !== user && !name.startsWith(`${user}/`)) continue;
      this.end(allocation, "revoked");
      ended++;
    }
    return ended;
  }

  /** Ends everything. */
  stop(): void {
    for (const allocation of this.#allocations) this.end(allocation, "stopped");
    this.reservations.sweep(Number.POSITIVE_INFINITY);
  }

  opened(allocation: Allocation): void {
    const { client, identity, relays } = allocation;
    client.allocation = allocation;
    this.#allocations.add(allocation);
    this.stats.allocationsOpened++;
    this.ports.emit({
      type: "opened",
      user: identity.user,
      transport: client.transport,
      relays: relays.map((relay) => `${relay.addressText} ${relay.address.port}`),
    });
  }

  /** Ends an allocation. Its ports and its lease are released here and nowhere else. */
  end(allocation: Allocation, reason: EndReason): void {
    if (!this.#allocations.delete(allocation)) return;
    const { client, identity, lease, relays, bytes } = allocation;
    for (const relay of relays) this.relays.close(relay);
    lease.release();
    client.allocation = undefined;
    client.released();
    const age = this.now - allocation.openedAt;
    this.ports.emit({ type: "closed", user: identity.user, reason, age, bytes });
  }

  /** Logs that a peer was denied. Answers the failure for requests. */
  denied(rule: PeerRule, address: Uint8Array, user: string): Failure {
    this.ports.emit({ type: "denied", user, peer: formatAddress(address), rule });
    return { code: errorCode.forbidden, rule: `peer_${rule}` };
  }

  /** Answers an authenticated request. */
  finish(client: Client, request: StunMessage, identity: Identity, outcome: Outcome): void {
    if (outcome === undefined) return;
    let writer: MessageWriter;
    if (outcome instanceof MessageWriter) writer = outcome;
    else {
      const { code, rule } = outcome;
      this.stats.refuse(rule);
      if (code === errorCode.allocationQuotaReached || code === errorCode.insufficientCapacity)
        this.ports.emit({ type: "refused", user: identity.user, code, isProven: true });
      writer = error(request, code);
      if (outcome.unknown !== undefined)
        writer.add(attribute.unknownAttributes, encodeUnknownAttributes(outcome.unknown));
    }
    client.send(seal(writer, request, identity, this.ports.crypto));
  }

  #channelData(client: Client | undefined, bytes: Uint8Array): void {
    if (client?.allocation === undefined) this.stats.refuse("no_channel");
    else client.allocation.fromChannel(bytes);
  }

  #request(client: Client, request: StunMessage, now: number): void {
    if (request.method === method.binding) {
      this.#binding(client, request, now);
      return;
    }
    const handler = handlers[request.method];
    if (handler === undefined) {
      this.stats.refuse("malformed");
      return;
    }
    const identity = this.#authentication.check(request, client.source, client.allocation?.identity, now);
    // By TCP and TLS as well: a client that can't get in by UDP proves its address there.
    if (!("challenge" in identity) || identity.returned) this.#proven.add(client.source.address, now);
    if ("challenge" in identity) this.#refuse(client, request, identity, now);
    else this.finish(client, request, identity, this.#perform(handler, client, request, identity, now));
  }

  #perform(handler: Handler, client: Client, request: StunMessage, identity: Identity, now: number): Outcome {
    const unknown = unknownAttributes(request);
    if (unknown.length > 0) return { code: errorCode.unknownAttribute, rule: "unknown_attribute", unknown };
    const owner = client.allocation?.identity.user;
    if (owner !== undefined && owner !== identity.user) return failures.wrongCredentials;
    return handler(this, client, request, identity, now);
  }

  #binding(client: Client, request: StunMessage, now: number): void {
    if (!this.#mayAnswer(this.#bindings, client, false, now)) return;
    const unknown = unknownAttributes(request);
    let writer: MessageWriter;
    if (unknown.length === 0) {
      this.stats.bindings++;
      // RFC 5389 §12.2: who sends no cookie knows no XOR.
      writer = request.classic
        ? success(request).add(attribute.mappedAddress, encodeAddress(client.source))
        : success(request).add(
            attribute.xorMappedAddress,
            encodeXorAddress(client.source, request.transactionId),
          );
    } else {
      this.stats.refuse("unknown_attribute");
      const types = encodeUnknownAttributes(unknown);
      writer = error(request, errorCode.unknownAttribute).add(attribute.unknownAttributes, types);
    }
    client.send(seal(writer, request, undefined, this.ports.crypto));
  }

  #mayAnswer(rates: AnswerRates, { transport, source }: Client, returned: boolean, now: number): boolean {
    if (transport !== "udp") return true;
    const standing = returned ? "returned" : this.#proven.has(source.address, now) ? "proven" : "stranger";
    if (rates.take(source, standing, now)) return true;
    this.stats.refuse("unanswered");
    return false;
  }

  /** Answers an unauthenticated request: at a limited rate, and with little more than the request's own size. */
  #refuse(client: Client, request: StunMessage, refusal: Refusal, now: number): void {
    const { code, rule, challenge, returned = false, named } = refusal;
    this.stats.refuse(rule);
    if (named !== undefined && returned)
      this.ports.emit({ type: "refused", user: userOf(named), code, isProven: false });
    if (!this.#mayAnswer(this.#refusals, client, returned, now)) return;
    const said = request.bytes.length - (request.has(attribute.fingerprint) ? fingerprintBytes : 0);
    const challenged = challenge && said >= leastChallenged;
    const writer = error(request, challenged || !challenge ? code : errorCode.badRequest);
    if (challenged)
      writer
        .add(attribute.realm, this.#credentials.realm)
        .add(attribute.nonce, this.#nonces.make(client.source, now))
        .add(attribute.passwordAlgorithms, offeredAlgorithms);
    client.send(seal(writer, request, undefined, this.ports.crypto));
  }
}

type Handler = (
  machine: TurnMachine,
  client: Client,
  request: StunMessage,
  identity: Identity,
  now: number,
) => Outcome;

const handlers: Readonly<Record<number, Handler>> = {
  [method.allocate]: allocate,
  [method.refresh]: refresh,
  [method.createPermission]: createPermission,
  [method.channelBind]: bindChannel,
};
