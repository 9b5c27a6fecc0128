import type { CertificatePair } from "../net/certificate-files.ts";
import { every, now } from "../net/clock.ts";
import { ConnectionCaps } from "../net/connection-caps.ts";
import { random } from "../net/crypto.ts";
import { interfaceAddresses } from "../net/interfaces.ts";
import { stunCrypto } from "../net/stun-crypto.ts";
import { listenTcp, type StreamHandlers, type StreamSocket, type TcpListener } from "../net/tcp.ts";
import { bindUdp, canSetDontFragment, type UdpSocket } from "../net/udp.ts";
import { formatAddress, parseAddress } from "../shared/ip-address.ts";
import { TokenBucket } from "../shared/token-bucket.ts";
import { encodeText } from "../wire/stun/text.ts";
import type { TurnEvent } from "./events.ts";
import { defaultTurnLimits, limitsWithin } from "./limits.ts";
import { type TurnGauges, TurnMachine } from "./machine.ts";
import { FleetPorts } from "./shell/fleet-ports.ts";
import {
  defaultCredentialLife,
  defaultRealm,
  defaultRelayPorts,
  defaultUdpPort,
  type TurnOptions,
} from "./shell/options.ts";
import { relayAddresses } from "./shell/public-address.ts";
import { RelaySockets } from "./shell/relay-sockets.ts";
import { runSelfTest, type SelfTestResult } from "./shell/self-test.ts";
import { StreamListener } from "./shell/stream-listener.ts";
import type { TurnCounters } from "./stats.ts";
import { UdpListener } from "./udp-listener.ts";

/** Gauges and counters of a TURN server. */
export interface TurnReport extends TurnGauges, TurnCounters {
  readonly connections: number;
  /** UDP sources that are kept: those with an allocation, or about to get one. */
  readonly udpClients: number;
  /** Users and addresses that quotas are kept of. */
  readonly quotaHolders: number;
  readonly openRelaySockets: number;
}

/** Ports of the listeners, where there are such. */
export interface TurnPorts {
  readonly udp: number | undefined;
  readonly tcp: number | undefined;
  readonly tls: number | undefined;
}

/** A running TURN server. */
export interface TurnServer {
  readonly ports: TurnPorts;
  /** What clients are told for relays, IPv4 first. */
  readonly relayAddresses: readonly string[];
  readonly realm: string;
  /** The secret to make credentials with: the first one given, or the one made up. Undefined with static users only. */
  readonly secret: string | undefined;
  stats(): TurnReport;
  /** Allocates, relays both ways and refreshes through the real sockets. Never rejects. */
  selfTest(): Promise<SelfTestResult>;
  /** Serves a connection that somebody else accepted and whose first byte is STUN's: TLS on the port of HTTPS. */
  accept(socket: StreamSocket): StreamHandlers | undefined;
  /** Ends the allocations of this user and of all `user/…`, and refuses their credentials made so far. */
  revoke(user: string): void;
  /** Takes another certificate for the TLS listener. */
  useCertificate(pair: CertificatePair): void;
  stop(): Promise<void>;
}

const receiveBuffer = 4 << 20;
const sweepInterval = 1_000;
const interfaceInterval = 10_000;
/** Lines of log for denied peers, per second. */
const deniedLines = 5;

/**
 * Starts a STUN and TURN server. Rejects with an Error of one line when an address or a port can't be had, or when an option
 * makes no sense. Every relay needs credentials, whatever is configured.
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

  const relays = new RelaySockets({
    addresses,
    ports: [firstPort, lastPort],
    dontFragment: await canSetDontFragment(),
    ...(options.fleet === undefined ? {} : { fleet: new FleetPorts(options.fleet) }),
    random: stunCrypto.random,
  });
  // The test has an account of its own, with which only it can reach a peer of its own on this machine.
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
    { crypto: stunCrypto, relays, emit: limited(options.log ?? (() => {}), selfTestUser.name) },
  );
  const caps = new ConnectionCaps({
    total: limits.connections,
    perAddress: limits.connectionsPerAddress,
    cut: () => machine.stats.refuse("connections"),
  });
  const streams = new StreamListener(machine, now);
  const listen = options.listen ?? wildcards(interfaces);
  const opened = await openListeners(listen, options, machine, streams, caps);
  const stopSweeping = every(sweepInterval, () => {
    machine.sweep(now());
    streams.sweep(now());
  });
  // A machine gets addresses while it runs: a container's bridge, a VPN.
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
    revoke: (user) => {
      machine.revoke(user, now());
    },
    useCertificate: (pair) => {
      for (const listener of tls) listener.useCertificate(pair);
    },
    stop: async () => {
      stopSweeping();
      stopLooking();
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

interface Listeners {
  readonly udp: UdpSocket[];
  readonly udpListeners: UdpListener[];
  readonly tcp: TcpListener[];
  readonly tls: TcpListener[];
}

/** All or none: what was opened is closed again when one can't be. */
async function openListeners(
  addresses: readonly string[],
  options: TurnOptions,
  machine: TurnMachine,
  streams: StreamListener,
  caps: ConnectionCaps,
): Promise<Listeners> {
  const { udpPort = defaultUdpPort, tcpPort = defaultUdpPort } = options;
  const opened: Listeners = { udp: [], udpListeners: [], tcp: [], tls: [] };
  try {
    for (const address of addresses) {
      // A port that was chosen for the first address is everybody's.
      if (udpPort !== "off") {
        const { socket, listener } = await openUdp(machine, address, opened.udp[0]?.port ?? udpPort);
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

async function openUdp(machine: TurnMachine, address: string, port: number) {
  let listener: UdpListener | undefined;
  const socket = await bindUdp({
    address,
    port,
    receiveBuffer,
    receive: (bytes, fromPort, fromAddress) => {
      if (listener !== undefined) machine.datagram(listener, bytes, fromPort, fromAddress, now);
    },
  });
  listener = new UdpListener(socket);
  return { socket, listener };
}

function hostAddresses(interfaces: readonly { readonly address: string }[]): Uint8Array[] {
  return interfaces.flatMap(({ address }) => parseAddress(address) ?? []);
}

/** Every IPv4 address; every IPv6 one, where the machine has any. */
function wildcards(interfaces: readonly { readonly family: string }[]): string[] {
  return interfaces.some(({ family }) => family === "IPv6") ? ["0.0.0.0", "::"] : ["0.0.0.0"];
}

/** Without the server's own test; and a client that asks for forbidden peers again and again must not fill the log. */
function limited(log: (event: TurnEvent) => void, silent: string): (event: TurnEvent) => void {
  const lines = new TokenBucket(deniedLines, deniedLines * 2, now());
  return (event) => {
    if (event.user !== silent && (event.type !== "denied" || lines.take(now()))) log(event);
  };
}
