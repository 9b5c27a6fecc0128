import { formatAddress, parseAddress } from "../../shared/ip-address.ts";
import { errorCode } from "../../wire/stun/error-code.ts";
import type { TransportAddress } from "../../wire/stun/transport-address.ts";
import { isPublicAddress } from "./public-address.ts";

/** The step at which a probe ended. */
export type ProbeStep = "resolve" | "connect" | "binding" | "allocate" | "relay" | "refresh";

/** A probe that has failed. */
export interface FailedProbe {
  /** As configured, and as it was resolved. */
  readonly transport: "udp" | "tcp" | "tls";
  readonly port: number;
  readonly host: string | undefined;
  readonly step: ProbeStep;
  /** The address of the relay, as the server told it. */
  readonly relayed: TransportAddress | undefined;
  /** The server's error, or 0. */
  readonly code: number;
  readonly error: Error;
}

/** What an operator should look at. */
export function probeAdvice(probe: FailedProbe): string {
  const { step, port, transport, code, error } = probe;
  if (code > 0) return refused(code);
  if (step === "resolve") return "the name leads to no address: is it right, and does DNS know it?";
  if (step === "connect") return unconnected(probe, (error as { code?: string }).code ?? error.message);
  if (step === "relay") return unreachableRelay(probe);
  if (transport !== "udp")
    return `something answers at TCP port ${port}, but it doesn't speak TURN: is it another server's port, or a proxy?`;
  return step === "binding"
    ? `nobody answers at UDP port ${port}: a firewall closes it, NAT doesn't forward it, or no server is running there`
    : "the server stopped answering in the middle: look at its log";
}

function refused(code: number): string {
  switch (code) {
    case errorCode.unauthenticated:
      return "the credential is refused: turn.secret is not the server's, the realms differ, or a clock is wrong";
    case errorCode.allocationQuotaReached:
      return "the server has no room for this user or address: look at turn.limits.allocations…";
    case errorCode.insufficientCapacity:
      return "the server has no free relay port: widen turn.relayFirstPort–turn.relayLastPort";
    case errorCode.addressFamilyNotSupported:
      return "the server has no address to relay from: look at turn.relayAddresses";
    default:
      return "the server's log says which rule refused it";
  }
}

function unconnected({ transport, port }: FailedProbe, reason: string): string {
  if (reason === "ECONNREFUSED")
    return `nothing listens at TCP port ${port}: is the server running, and is this its port?`;
  if (/CERT_HAS_EXPIRED/.test(reason))
    return "the certificate has expired (or the clock of this machine is wrong)";
  if (/CERT_NOT_YET_VALID/.test(reason))
    return "the certificate isn't valid yet: the clock of this machine, or of who made it, is wrong";
  if (/ALTNAME/.test(reason)) return "the certificate names another host: browsers will refuse it";
  if (/SELF_SIGNED|UNABLE_TO/.test(reason))
    return "the certificate is self-signed, or the ones between it and a known authority are missing: browsers will refuse it";
  if (transport === "tls" && /EPROTO|SSL|TLS|ECONNRESET/.test(reason))
    return `TCP port ${port} is open but doesn't speak TLS: does this server have a certificate (tls.cert)?`;
  return `TCP port ${port} doesn't answer: a firewall closes it, or NAT doesn't forward it`;
}

function unreachableRelay({ host, relayed }: FailedProbe): string {
  const ports = "the UDP ports of the relays (turn.relayFirstPort–turn.relayLastPort)";
  const closed = `a firewall closes ${ports}, or NAT doesn't forward them under the same numbers`;
  const reached = host === undefined ? undefined : parseAddress(host);
  if (relayed === undefined || reached === undefined) return closed;
  const told = formatAddress(relayed.address);
  if (isPublicAddress(reached) && !isPublicAddress(relayed.address))
    return `clients are told ${told} for relays, an address that only its own network can reach: set turn.publicAddresses (coturn: external-ip) to the public one`;
  if (reached.length === relayed.address.length && told !== formatAddress(reached))
    return `clients are told ${told} for relays, though the server is at ${formatAddress(reached)}: unless both lead to it, turn.publicAddresses (coturn: external-ip) is wrong; or ${closed}`;
  return closed;
}
