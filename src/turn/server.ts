import type { CertificatePair } from "../net/certificate-files.ts";
import { every, now, wallAhead } from "../net/clock.ts";
import { ConnectionCaps } from "../net/connection-caps.ts";
import { random } from "../net/crypto.ts";
import { interfaceAddresses } from "../net/interfaces.ts";
import { stunCrypto } from "../net/stun-crypto.ts";
import { listenTcp, type StreamHandlers, type StreamSocket, type TcpListener } from "../net/tcp.ts";
import { bindUdp, canSetDontFragment } from "../net/udp.ts";
import type { UdpSocket } from "../net/udp-socket.ts";
import { formatAddress, parseAddress } from "../shared/ip-address.ts";
import { TokenBucket } from "../shared/token-bucket.ts";
import { encodeText } from "../wire/stun/text.ts";
import type { TurnEvent } from "./events.ts";
import { defaultTurnLimits, limitsWithin } from "./limits.ts";
import { type TurnGauges, TurnMachine } from "./machine.ts";
import { FleetPorts } from "./shell/fleet-ports.ts";
import { MessageTurns } from "./shell/message-turns.ts";
import {
  defaultCredentialLife,
  defaultRealm,
  defaultRelayPorts,
  defaultUdpPort,
  type TurnOptions,
} from "./shell/options.ts";
import { relayAddresses } from "./shell/public-address.ts";
import { type LocalPeer, RelaySockets } from "./shell/relay-sockets.ts";
import { runSelfTest, type SelfTestResult } from "./shell/self-test.ts";
import { StreamListener } from "./shell/stream-listener.ts";
import type { TurnCounters } from "./stats.ts";
import { UdpListener } from "./udp-listener.ts";

/** Gauges and counters of a TURN server. */
export interface TurnReport extends TurnGauges, TurnCounters {
  readonly connections: number;
  /** UDP sources with an allocation, or about to get one. */
  readonly udpClients: number;
  /** Users and addresses that hold quotas. */
  readonly quotaHolders: number;
  readonly openRelaySockets: number;
}

/** The ports of the listeners, if there are any. */
export interface TurnPorts {
  readonly udp: number | undefined;
  readonly tcp: number | undefined;
  readonly tls: number | undefined;
}

/** A running TURN server. */
export interface TurnServer {
  readonly ports: TurnPorts;
  /** The addresses of relays as clients are told, IPv4 first. */
  readonly relayAddresses: readonly string[];
  readonly realm: string;
  /** The secret for credentials: the first one given, or a random one. Undefined if there are static users only. */
  readonly secret: string | undefined;
  stats(): TurnReport;
  /** Allocates, relays both ways and refreshes through the real sockets. Never rejects. */
  selfTest(): Promise<SelfTestResult>;
  /** Serves a connection that another listener accepted and that begins with STUN: TLS on the port of HTTPS. */
  accept(socket: StreamSocket): StreamHandlers | undefined;
  /** Ends the allocations of this user and of all `user/…`, and refuses the credentials that they had so many ms ago (default: now). */
  revoke(user: string, ago?: number): void;
  /** Replaces the sockets of this machine that relays reach at their own address: the ports of the media server. None at the start. */
  useLocalPeers(peers: readonly LocalPeer[]): void;
  /** Replaces the certificate of the TLS listener. */
  useCertificate(pair: CertificatePair): void;
  stop(): Promise<void>;
}

const receiveBuffer = 4 << 20;
const sweepInterval = 1_000;
const interfaceInterval = 10_000;
/** Lines of log for denied peers, per second. */
const [deniedLines, refusedLines] = [5, 50];

/**
 * Starts a STUN and TURN server. Rejects with an Error of one line when an address or a port can't be used, or when an
 * option makes no sense. Relaying always needs credentials.
 */
export async function startTurn(options: TurnOptions): Promise<TurnServer> {
  const realm = options.realm ?? defaultRealm;
  const users = options.users ?? [];
  const given = options.secrets ?? [];
  const secrets = given.length > 0 || users.length > 0 ? given : [random(32)];
  const interfaces = interfaceAddresses();
  const addresses = relayAddresses(options, interfaces);
  const [firstPort, lastPort] = options.relayPorts ?? defaultRelayPorts;
  if (!(firstPort >= 1 && firstPort <= lastPort && lastPort <= 65_535))
    throw new RangeError(`${firstPort}–${lastPort} is no range of ports`);
  const limits = limitsWithin({ ...defaultTurnLimits, ...options.limits }, lastPort - firstPort + 1);
  const told = Object.values(addresses).map(({ advertised }) => advertised);
  if (told.length === 0) throw new RangeError("there is no address to relay from");

  const turns = new MessageTurns();
  const relays = new RelaySockets({
    turns,
    addresses,
    ports: [firstPort, lastPort],
    dontFragment: await canSetDontFragment(),
    ...(options.fleet === undefined ? {} : { fleet: new FleetPorts(options.fleet) }),
    random: stunCrypto.random,
  });
  // The self-test has an account that can reach a peer on this machine, and nobody else can.
  const selfTestUser = { name: `self-test ${random(12)}`, password: random(24) };
  const machine = new TurnMachine(
    {
      realm,
      secrets,
      users,
      internalUsers: [selfTestUser],
      credentialLife: options.credentialLife ?? defaultCredentialLife,
      limits,
      nonceKey: encodeText(options.nonceKey ?? random(32)),
      strictExpiry: options.strictExpiry ?? false,
      followClientFamily: options.followClientFamily ?? false,
      peers: {
        allowPeers: options.allowPeers ?? [],
        denyPeers: options.denyPeers ?? [],
        hostAddresses: hostAddresses(interfaces),
        relayAddresses: told,
        unsafeLoopback: options.unsafeLoopback ?? false,
        hairpin: options.hairpin ?? true,
      },
    },
    { crypto: stunCrypto, relays, wallAhead, emit: limited(options.log ?? (() => {}), selfTestUser.name) },
  );
  const caps = new ConnectionCaps({
    total: limits.connections,
    perAddress: limits.connectionsPerAddress,
    cut: () => machine.stats.refuse("connections"),
  });
  const streams = new StreamListener(machine, turns, now);
  const listen = options.listen ?? wildcards(interfaces);
  const opened = await openListeners(listen, options, machine, { turns, streams, caps });
  const stopSweeping = every(sweepInterval, () => {
    machine.sweep(now());
    streams.sweep(now());
  });
  // A machine can get addresses while it runs: a container's bridge, a VPN.
  const stopLooking = every(interfaceInterval, () =>
    machine.policy.useHostAddresses(hostAddresses(interfaceAddresses())),
  );
  const { udp, udpListeners, tcp, tls } = opened;
  return {
    ports: { udp: udp[0]?.port, tcp: tcp[0]?.port, tls: tls[0]?.port },
    relayAddresses: told.map(formatAddress),
    realm,
    secret: secrets[0],
    stats: () => ({
      ...machine.gauges,
      ...machine.stats.copy(),
      connections: streams.size,
      udpClients: udpListeners.reduce((sum, listener) => sum + listener.size, 0),
      quotaHolders: machine.quotas.size,
      openRelaySockets: relays.openSockets,
    }),
    selfTest: () => runSelfTest({ machine, udp: udp[0], tcp: tcp[0], addresses, account: selfTestUser }),
    accept: (socket) => takeOver(socket, streams, caps),
    revoke: (user, ago = 0) => {
      machine.revoke(user, now(), ago);
    },
    useLocalPeers: (peers) => relays.useLocalPeers(peers),
    useCertificate: (pair) => {
      for (const listener of tls) listener.useCertificate(pair);
    },
    stop: async () => {
      stopSweeping();
      stopLooking();
      turns.clear();
      machine.stop();
      for (const socket of udp) socket.close();
      await Promise.all([...tcp, ...tls].map((listener) => listener.stop()));
    },
  };
}

/** A connection that another listener accepted has no place among ours yet. */
function takeOver(socket: StreamSocket, streams: StreamListener, caps: ConnectionCaps) {
  const leave = caps.enter(socket.remoteAddress);
  const handlers = leave && streams.accept(socket, "tls");
  if (leave === undefined || handlers === undefined) {
    leave?.();
    return undefined;
  }
  const closed = (): void => {
    leave();
    handlers.closed();
  };
  return { data: (bytes: Uint8Array) => handlers.data(bytes), closed };
}

/** What all listeners of a server share. */
interface Shells {
  readonly turns: MessageTurns;
  readonly streams: StreamListener;
  readonly caps: ConnectionCaps;
}

interface Listeners {
  readonly udp: UdpSocket[];
  readonly udpListeners: UdpListener[];
  readonly tcp: TcpListener[];
  readonly tls: TcpListener[];
}

/** Opens all listeners, or none: closes the others again when one can't be opened. */
async function openListeners(
  addresses: readonly string[],
  options: TurnOptions,
  machine: TurnMachine,
  { turns, streams, caps }: Shells,
): Promise<Listeners> {
  const { udpPort = defaultUdpPort, tcpPort = defaultUdpPort } = options;
  const opened: Listeners = { udp: [], udpListeners: [], tcp: [], tls: [] };
  try {
    for (const address of addresses) {
      // The port that the first address got is used for all addresses.
      if (udpPort !== "off") {
        const { socket, listener } = await openUdp(machine, turns, address, opened.udp[0]?.port ?? udpPort);
        opened.udp.push(socket);
        opened.udpListeners.push(listener);
      }
      if (tcpPort !== "off") {
        const port = opened.tcp[0]?.port ?? tcpPort;
        const accept = (socket: StreamSocket) => streams.accept(socket, "tcp");
        opened.tcp.push(await listenTcp({ address, port, caps, accept }));
      }
      if (options.tls !== undefined) {
        const port = opened.tls[0]?.port ?? options.tls.port;
        const accept = (socket: StreamSocket) => streams.accept(socket, "tls");
        opened.tls.push(await listenTcp({ address, port, caps, accept, tls: options.tls.certificate }));
      }
    }
  } catch (error) {
    for (const socket of opened.udp) socket.close();
    await Promise.all([...opened.tcp, ...opened.tls].map((listener) => listener.stop()));
    throw new Error(`TURN can't listen: ${(error as Error).message}`);
  }
  return opened;
}

async function openUdp(machine: TurnMachine, turns: MessageTurns, address: string, port: number) {
  let listener: UdpListener | undefined;
  const socket = await bindUdp({
    address,
    port,
    receiveBuffer,
    receive: turns.bounded((bytes, fromPort, fromAddress) => {
      if (listener !== undefined) machine.datagram(listener, bytes, fromPort, fromAddress, now);
    }),
  });
  listener = new UdpListener(socket);
  return { socket, listener };
}

function hostAddresses(interfaces: readonly { readonly address: string }[]): Uint8Array[] {
  return interfaces.flatMap(({ address }) => parseAddress(address) ?? []);
}

/** All IPv4 addresses, and all IPv6 ones if the machine has any. */
function wildcards(interfaces: readonly { readonly family: string }[]): string[] {
  return interfaces.some(({ family }) => family === "IPv6") ? ["0.0.0.0", "::"] : ["0.0.0.0"];
}

/** Leaves out the self-test, and limits what clients can cause again and again, so that nobody fills the log. */
function limited(log: (event: TurnEvent) => void, silent: string): (event: TurnEvent) => void {
  const denied = new TokenBucket(deniedLines, deniedLines * 2, now());
  const refused = new TokenBucket(refusedLines, refusedLines * 2, now());
  return (event) => {
    if (event.user === silent) return;
    if (event.type === "denied" && !denied.take(now())) return;
    if (event.type === "refused" && !refused.take(now())) return;
    log(event);
  };
}
