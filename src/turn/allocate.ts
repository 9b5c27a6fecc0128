import { attribute } from "../wire/stun/attribute-type.ts";
import {
  decodeAddressFamily,
  decodeEvenPort,
  decodeLifetime,
  decodeRequestedTransport,
  encodeLifetime,
} from "../wire/stun/attribute-values.ts";
import { encodeAddressErrorCode, errorCode } from "../wire/stun/error-code.ts";
import type { StunMessage } from "../wire/stun/message.ts";
import { encodeXorAddress, type Family, family, familyOf } from "../wire/stun/transport-address.ts";
import type { MessageWriter } from "../wire/stun/writer.ts";
import { Allocation } from "./allocation.ts";
import { success } from "./answer.ts";
import type { Identity } from "./authentication.ts";
import type { Client } from "./client.ts";
import type { TurnMachine } from "./machine.ts";
import type { Lease } from "./quotas.ts";
import { Relay, type RelayRequest, type RelaySocket } from "./relay.ts";
import { type Failure, failures, type Outcome } from "./request-outcome.ts";
import { sourceGroupName } from "./source-group.ts";

const udp = 17;

/** What an Allocate request asks for. */
interface RequestedAllocation {
  readonly families: readonly Family[];
  readonly shape: RelayRequest["shape"];
  readonly token: Uint8Array | undefined;
  /** Seconds. */
  readonly lifetime: number;
}

/** The sockets that could be opened, by family. */
type Sockets = Map<Family, RelaySocket>;

/** Allocate (RFC 8656 §7.2). The numbers are that section's steps. */
export function allocate(
  machine: TurnMachine,
  client: Client,
  request: StunMessage,
  identity: Identity,
  now: number,
): Outcome {
  // 2: one allocation for each 5-tuple; a retransmission gets the answer once more.
  if (client.allocation !== undefined) {
    const again = sameBytes(client.allocation.transactionId, request.transactionId);
    return again ? allocated(client.allocation, request, now) : failures.allocationMismatch;
  }
  if (client.pending !== undefined) return undefined;
  const requested = readRequested(machine, client, request);
  if ("code" in requested) return requested;
  const transaction = request.transactionId;
  if (requested.token !== undefined) {
    const reserved = machine.reservations.claim(requested.token, identity.user);
    if (reserved === undefined) return failures.reservation;
    client.pending = transaction;
    const sockets = new Map([[reserved.family, reserved.socket]]);
    return open(machine, client, request, identity, reserved.lease, sockets, requested);
  }
  const lease = takeLease(machine, client, identity);
  if ("code" in lease) return lease;
  const second = requested.shape === "pair" ? takeLease(machine, client, identity) : undefined;
  if (second !== undefined && "code" in second) {
    lease.release();
    return second;
  }
  client.pending = transaction;
  gather(machine, requested, (sockets, next) => {
    const gone = client.pending !== transaction;
    if (gone || sockets.size === 0) {
      for (const socket of [...sockets.values(), ...(next ? [next] : [])]) socket.close();
      lease.release();
      second?.release();
      if (gone) return;
      client.pending = undefined;
      client.released();
      machine.finish(client, request, identity, failures.noPort);
      return;
    }
    const answer = open(machine, client, request, identity, lease, sockets, requested);
    if (next !== undefined && second !== undefined) {
      const token = machine.ports.crypto.random(8);
      const [only = family.ipv4] = sockets.keys();
      machine.reservations.add(token, only, next, identity.user, second, machine.now);
      answer.add(attribute.reservationToken, token);
    }
    machine.finish(client, request, identity, answer);
  });
  return undefined;
}

/** Steps 3 to 9: what the request asks for, or why it is refused. */
function readRequested(
  machine: TurnMachine,
  client: Client,
  request: StunMessage,
): RequestedAllocation | Failure {
  const { limits, followClientFamily } = machine.options;
  const { families: served, dontFragment } = machine.ports.relays;
  const decoded = <T>(type: number, decode: (value: Uint8Array) => T | undefined) => {
    const value = request.value(type);
    return value && { value: decode(value) };
  };
  const transport = decoded(attribute.requestedTransport, decodeRequestedTransport);
  if (transport?.value === undefined) return failures.badRequest;
  if (transport.value !== udp) return failures.unsupportedTransport;
  if (request.has(attribute.dontFragment) && !dontFragment)
    return { code: errorCode.unknownAttribute, rule: "unknown_attribute", unknown: [attribute.dontFragment] };

  const token = request.value(attribute.reservationToken);
  const requested = decoded(attribute.requestedAddressFamily, decodeAddressFamily);
  const additional = decoded(attribute.additionalAddressFamily, decodeAddressFamily);
  const even = decoded(attribute.evenPort, decodeEvenPort);
  const lifetime = decoded(attribute.lifetime, decodeLifetime);
  if (even !== undefined && even.value === undefined) return failures.badRequest;
  if (lifetime !== undefined && lifetime.value === undefined) return failures.badRequest;
  if (token !== undefined && (token.length !== 8 || even || requested || additional))
    return failures.badRequest;
  if (additional && (requested || additional.value !== family.ipv6 || even?.value))
    return failures.badRequest;

  let families: Family[];
  if (additional) families = [family.ipv4, family.ipv6];
  else if (requested) {
    if (requested.value !== family.ipv4 && requested.value !== family.ipv6) return failures.addressFamily;
    families = [requested.value];
  } else families = [followClientFamily ? familyOf(client.source.address) : family.ipv4];
  if (token === undefined && !families.some((one) => served.includes(one))) return failures.addressFamily;
  return {
    families,
    shape: even === undefined ? "any" : even.value ? "pair" : "even",
    token,
    lifetime: grantedLifetime(lifetime?.value, limits),
  };
}

/** Step 10: quotas. */
function takeLease(machine: TurnMachine, client: Client, identity: Identity): Lease | Failure {
  const lease = machine.quotas.take(identity, sourceGroupName(client.source.address));
  return typeof lease === "string" ? { code: errorCode.allocationQuotaReached, rule: lease } : lease;
}

/** Opens sockets, one family after the other, as far as possible. `next` is the second one of a pair. */
function gather(
  machine: TurnMachine,
  { families, shape }: RequestedAllocation,
  done: (sockets: Sockets, next: RelaySocket | undefined) => void,
): void {
  const { relays } = machine.ports;
  const sockets: Sockets = new Map();
  let next: RelaySocket | undefined;
  const left = families.filter((one) => relays.families.includes(one));
  const step = (): void => {
    const one = left.shift();
    if (one === undefined) {
      done(sockets, next);
      return;
    }
    relays.open({ family: one, shape }, (opened) => {
      const [first, second] = opened ?? [];
      if (first !== undefined) sockets.set(one, first);
      next = second;
      step();
    });
  };
  step();
}

/** Makes the allocation, and the answer to the client. */
function open(
  machine: TurnMachine,
  client: Client,
  request: StunMessage,
  identity: Identity,
  lease: Lease,
  sockets: Sockets,
  requested: RequestedAllocation,
): MessageWriter {
  const { now, traffic, ports } = machine;
  client.pending = undefined;
  const allocation = new Allocation(client, identity, request.transactionId.slice(), lease, traffic, now);
  allocation.expiresAt = now + requested.lifetime * 1_000;
  for (const [one, socket] of sockets) {
    const relay = new Relay(one, socket, ports.relays.advertised(one), allocation);
    allocation.relays.push(relay);
    machine.relays.add(relay);
  }
  machine.opened(allocation);
  const answer = allocated(allocation, request, now);
  if (requested.token === undefined)
    for (const one of requested.families)
      if (!sockets.has(one)) {
        const served = ports.relays.families.includes(one);
        const code = served ? errorCode.insufficientCapacity : errorCode.addressFamilyNotSupported;
        answer.add(attribute.addressErrorCode, encodeAddressErrorCode(one, code));
      }
  return answer;
}

function allocated(allocation: Allocation, request: StunMessage, now: number): MessageWriter {
  const answer = success(request);
  for (const { address } of allocation.relays)
    answer.add(attribute.xorRelayedAddress, encodeXorAddress(address, request.transactionId));
  return answer
    .add(attribute.lifetime, encodeLifetime(Math.ceil((allocation.expiresAt - now) / 1_000)))
    .add(attribute.xorMappedAddress, encodeXorAddress(allocation.client.source, request.transactionId));
}

/** The lifetime that is granted, in seconds: from the default to the maximum (RFC 8656 §7.2, step 11). */
export function grantedLifetime(
  wanted: number | undefined,
  limits: { readonly lifetime: number; readonly defaultLifetime: number },
): number {
  return Math.min(Math.max(wanted ?? 0, limits.defaultLifetime), limits.lifetime);
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
