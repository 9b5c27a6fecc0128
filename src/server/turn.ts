import type { Settings } from "../config/schema.ts";
import { type CertificatePair, readCertificate } from "../net/certificate-files.ts";
import { random } from "../net/crypto.ts";
import type { StreamHandlers, StreamSocket } from "../net/tcp.ts";
import { formatHost } from "../package-info.ts";
import type { TurnHealth } from "../telemetry/health.ts";
import type { Logger } from "../telemetry/log.ts";
import { coturnConfig } from "../turn/coturn-config.ts";
import type { TurnEvent } from "../turn/events.ts";
import type { TurnPorts, TurnReport } from "../turn/server.ts";
import { startTurnFleet, type TurnFleet } from "../turn/shell/fleet.ts";
import type { TurnOptions } from "../turn/shell/options.ts";
import { discoverAddresses, type SeenAddress } from "../turn/shell/stun-discovery.ts";
import type { TurnService } from "./ice-servers.ts";

/** STUN and TURN as the rest of the server sees them: the embedded server, external ones, or none. */
export interface RunningTurn {
  /** What devices are told; undefined where there is none. `tlsPort`: the HTTPS port that carries TURN as well. */
  service(tlsPort: number | undefined): TurnService | undefined;
  /** What the embedded server is told by, without TLS: a list for each of its threads. */
  readonly urls: readonly (readonly string[])[];
  /** Takes a connection of the HTTPS port that turned out to speak STUN. */
  readonly accept: ((stream: StreamSocket) => StreamHandlers | undefined) | undefined;
  /** Takes another certificate for a TLS port of its own; nothing where there is none. */
  useCertificate(pair: CertificatePair): void;
  /** Gauges and counters of the embedded server. */
  readonly report: (() => TurnReport) | undefined;
  health(): TurnHealth;
  /** Ends what the user, or one device, relays, and refuses the credentials made so far. */
  revoke(user: string, device: string | undefined): void;
  stop(): Promise<void>;
}

/** Starts what the settings ask for. Rejects with an Error of one line where an address or a port can't be had. */
export async function startTurnService(settings: Settings, host: string, log: Logger): Promise<RunningTurn> {
  const { turn } = settings;
  if (turn.external.length > 0) return external(turn);
  if (!turn.embedded) return { ...nothing, service: () => undefined, health: () => ({ state: "off" }) };
  const fleet = await start(settings, host, log);
  let health: TurnHealth = { state: "testing" };
  void fleet.selfTest().then((result) => {
    health = result.ok ? { state: "ok", ms: result.ms } : { state: "failed", failure: result.failure };
    if (result.ok) log.info({ ms: result.ms, ports: fleet.workers }, "TURN relays: tested");
    else log.error({ failure: result.failure }, "TURN does not relay: docs/turn.md says what to look at");
  });
  const told = turn.host || formatHost(fleet.relayAddresses[0] ?? host);
  return {
    urls: fleet.workers.map((ports) => urlsFor(ports, told, undefined)),
    accept: ownTls(settings) ? undefined : (stream) => fleet.accept(stream),
    useCertificate: (pair) => fleet.useCertificate(pair),
    report: () => fleet.stats(),
    health: () => health,
    revoke: (user, device) => fleet.revoke(device === undefined ? user : `${user}/${device}`),
    stop: () => fleet.stop(),
    service: (tlsPort) => ({
      secret: fleet.secret ?? "",
      urls: (device) => urlsFor(fleet.workers[hashOf(device) % fleet.workers.length]!, told, tlsPort),
    }),
  };
}

/** The `turnserver.conf` of a coturn that takes the embedded server's place. Throws a RangeError where that can't be. */
export function coturnConfigFor({ turn, tls }: Settings, secret: string): string {
  return coturnConfig({
    realm: turn.realm,
    secret,
    port: turn.udpPort,
    tls: tls.cert === "" ? undefined : { port: 5_349, cert: tls.cert, key: tls.key },
    publicAddresses: turn.publicAddresses,
    relayPorts: [turn.relayFirstPort, turn.relayLastPort],
    allowPeers: turn.allowPeers,
    denyPeers: turn.denyPeers,
    limits: turn.limits,
  });
}

const nothing: Pick<RunningTurn, "urls" | "accept" | "useCertificate" | "report" | "revoke" | "stop"> = {
  urls: [],
  accept: undefined,
  useCertificate: () => {},
  report: undefined,
  revoke: () => {},
  stop: async () => {},
};

function external({ external: urls, secret }: Settings["turn"]): RunningTurn {
  return { ...nothing, service: () => ({ secret, urls: () => urls }), health: () => ({ state: "external" }) };
}

async function start(settings: Settings, host: string, log: Logger): Promise<TurnFleet> {
  const { turn, dev } = settings;
  const options: TurnOptions = { ...turnOptions(settings, host), log: (event) => logTurn(log, event) };
  const failed = (error: Error): void => log.error({ err: error }, "a TURN worker ended");
  try {
    const found = await withFoundAddresses(options, turn.stunServers, log);
    return await startTurnFleet(found, turn.workers, failed);
  } catch (error) {
    if (!dev) throw new Error(`setting turn: ${(error as Error).message}`);
    // Somebody who tries it out has another one running, or a TURN server: any port will do.
    log.warn({ reason: (error as Error).message }, "TURN takes free ports");
    return await startTurnFleet({ ...options, udpPort: 0, tcpPort: 0 }, 1, failed);
  }
}

/** What the embedded server is started with. `host`: where the rest of the server listens. Throws where the certificate is unusable. */
export function turnOptions({ turn, tls, dev }: Settings, host: string): TurnOptions {
  return {
    ...(dev ? { listen: [host] } : turn.listen.length > 0 ? { listen: turn.listen } : {}),
    udpPort: turn.udpPort,
    tcpPort: turn.tcpPort,
    ...(turn.relayAddresses.length > 0 && { relayAddresses: turn.relayAddresses }),
    publicAddresses: turn.publicAddresses,
    relayPorts: [turn.relayFirstPort, turn.relayLastPort],
    realm: turn.realm,
    // Devices need time-limited credentials, whoever else has a user of its own.
    secrets: [turn.secret || random(32), ...(turn.formerSecret === "" ? [] : [turn.formerSecret])],
    users: turn.users,
    limits: turn.limits,
    credentialLife: turn.ttl,
    allowPeers: turn.allowPeers,
    denyPeers: turn.denyPeers,
    strictExpiry: turn.strictExpiry,
    followClientFamily: turn.followClientFamily,
    ...(ownTls({ turn, tls }) && {
      tls: { port: turn.tlsPort, certificate: readCertificate(tls.cert, tls.key) },
    }),
  };
}

/** TURN over TLS has a port of its own, and that of HTTPS doesn't carry it. */
function ownTls({ turn, tls }: Pick<Settings, "turn" | "tls">): boolean {
  return turn.tlsPort > 0 && tls.cert !== "";
}

/** Asks STUN servers for the addresses that aren't configured. Where none answers, those of the interfaces must do. */
async function withFoundAddresses(
  options: TurnOptions,
  servers: readonly string[],
  log: Logger,
): Promise<TurnOptions> {
  if (servers.length === 0) return options;
  const { seen, failures } = await discoverAddresses(options, servers);
  for (const failure of failures) log.warn({ failure }, "a STUN server did not tell this machine's address");
  for (const { address, server, samePort } of seen) {
    log.info({ address, server }, "this machine's address, as a STUN server sees it");
    if (!samePort) log.warn({ address }, "NAT changes port numbers: nobody will find the relays behind it");
  }
  return { ...options, publicAddresses: completed(options.publicAddresses ?? [], seen) };
}

/** Those that are configured, and for other families those that were found. */
export function completed(configured: readonly string[], seen: readonly SeenAddress[]): string[] {
  const six = (text: string): boolean => text.includes(":");
  const missing = seen.filter(({ address }) => !configured.some((text) => six(text) === six(address)));
  return [...configured, ...missing.map(({ address }) => address)];
}

/** STUN, then TURN by UDP, TCP and TLS, of one worker. */
function urlsFor(ports: TurnPorts, host: string, tlsPort: number | undefined): string[] {
  const { udp, tcp, tls = tlsPort } = ports;
  return [
    ...(udp === undefined ? [] : [`stun:${host}:${udp}`, `turn:${host}:${udp}?transport=udp`]),
    ...(tcp === undefined ? [] : [`turn:${host}:${tcp}?transport=tcp`]),
    ...(tls === undefined ? [] : [`turns:${host}:${tls}?transport=tcp`]),
  ];
}

/** FNV-1a: the same worker for the same device, at every welcome. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function logTurn(log: Logger, event: TurnEvent): void {
  const { type, ...facts } = event;
  if (type === "denied")
    log.warn(facts, "TURN denied a peer: allow it with turn.allowPeers, where it is yours");
  else log.debug(facts, `TURN allocation ${type}`);
}
