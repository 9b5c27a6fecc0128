import type { Settings } from "../config/schema.ts";
import { readCertificate } from "../net/certificate-files.ts";
import { wallAhead } from "../net/clock.ts";
import { random } from "../net/crypto.ts";
import { formatHost } from "../package-info.ts";
import type { Records } from "../records/records.ts";
import type { HealthPart } from "../telemetry/health.ts";
import type { Logger } from "../telemetry/log.ts";
import { coturnConfig } from "../turn/coturn-config.ts";
import type { TurnEvent } from "../turn/events.ts";
import { registerTurnMetrics } from "../turn/metrics.ts";
import type { TurnPorts } from "../turn/server.ts";
import { startTurnFleet, type TurnFleet } from "../turn/shell/fleet.ts";
import type { TurnOptions } from "../turn/shell/options.ts";
import { discoverAddresses, type SeenAddress } from "../turn/shell/stun-discovery.ts";
import { turnServerFor } from "./ice-servers.ts";
import { openPorts } from "./ports.ts";
import type { CoreContext, Part, PartContext, Service } from "./service.ts";

/** What became of STUN and TURN. `failed`: the server's test of itself did not pass. */
type TurnHealth =
  | { readonly state: "off" | "external" | "testing" }
  | { readonly state: "ok"; readonly ms: number }
  | { readonly state: "failed"; readonly failure: string };

/** STUN and TURN: the embedded server, external ones that devices are told of, or none. */
export const turn: Part = {
  start: async (context) => {
    const { external, embedded, secret, ttl } = context.settings.turn;
    if (external.length > 0)
      return {
        health: () => shown({ state: "external" }),
        iceServers: (device, now) =>
          turnServerFor(device, { secret, urls: external, ttl, ahead: wallAhead() }, now),
        stop: async () => {},
      };
    if (!embedded) return { health: () => shown({ state: "off" }), stop: async () => {} };
    return serviceOf(await startFleet(context), context);
  },
};

function shown(health: TurnHealth): HealthPart {
  return { name: "turn", state: health, ok: health.state !== "failed" };
}

function serviceOf(fleet: TurnFleet, { settings, host, log }: PartContext): Service {
  const { ttl } = settings.turn;
  let health: TurnHealth = { state: "testing" };
  void fleet.selfTest().then((result) => {
    health = result.ok ? { state: "ok", ms: result.ms } : { state: "failed", failure: result.failure };
    if (result.ok) log.info({ ms: result.ms, ports: fleet.workers }, "TURN relays: tested");
    else log.error({ failure: result.failure }, "TURN does not relay: docs/turn.md says what to look at");
  });
  const secret = fleet.secret ?? "";
  const told = settings.turn.host || formatHost(fleet.relayAddresses[0] ?? host);
  /** The server's own TLS port, where that carries TURN as well. */
  let tlsPort: number | undefined;
  const workerOf = (device: string): TurnPorts => fleet.workers[hashOf(device) % fleet.workers.length]!;
  return {
    metrics: (registry) => registerTurnMetrics(registry, () => fleet.stats()),
    health: () => shown(health),
    revoke: (name, ago) => fleet.revoke(name, ago),
    useRelayPeers: (peers) => fleet.useLocalPeers(peers),
    useCertificate: (pair) => fleet.useCertificate(pair),
    iceServers: (device, now) => {
      const urls = urlsFor(workerOf(`${device.user}/${device.id}`), told, tlsPort);
      return turnServerFor(device, { secret, urls, ttl, ahead: wallAhead() }, now);
    },
    // With a TLS port of its own, the server's port does not carry TURN.
    ...(!ownTls(settings) && {
      stun: (stream) => fleet.accept(stream),
      stunPort: (port) => {
        tlsPort = port;
      },
    }),
    // There is one set of ports on a machine: the other workers hand out these addresses.
    workerSettings: fleet.workers.map((ports) => {
      const urls = urlsFor(ports, told, undefined).filter((url) => url.startsWith("turn:"));
      return urls.length === 0 ? {} : { SWITCHBOARD_TURN_EXTERNAL: urls.join(",") };
    }),
    stop: () => fleet.stop(),
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

async function startFleet(context: CoreContext): Promise<TurnFleet> {
  const { settings, host, log } = context;
  const { turn } = settings;
  const failed = (error: Error): void => log.error({ err: error }, "a TURN worker ended");
  const options: TurnOptions = {
    ...turnOptions(settings, host),
    log: (event) => {
      logTurn(log, event);
      noteInRecords(context.records(), event);
    },
  };
  const refused = (error: Error): never => {
    throw new Error(`setting turn: ${error.message}`);
  };
  const found = await withFoundAddresses(options, turn.stunServers, log).catch(refused);
  const wanted = {
    "turn.udpPort": turn.udpPort,
    "turn.tcpPort": turn.tcpPort,
    "turn.tlsPort": ownTls(settings) ? turn.tlsPort : 0,
  };
  return await openPorts(context, wanted, (ports) => {
    const { "turn.udpPort": udpPort, "turn.tcpPort": tcpPort } = ports;
    return startTurnFleet({ ...found, udpPort, tcpPort }, turn.workers, failed).catch(refused);
  });
}

/** What the embedded server is started with. `host`: where the rest of the server listens. Throws where the certificate is unusable. */
export function turnOptions({ turn, tls, dev }: Settings, host: string): TurnOptions {
  return {
    ...(turn.listen.length > 0 ? { listen: turn.listen } : dev ? { listen: [host] } : {}),
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

/** The ladders of a device's sessions show what became of its relays. */
function noteInRecords(records: Records | undefined, event: TurnEvent): void {
  const [user = "", device] = event.user.split("/");
  if (records === undefined || device === undefined) return;
  if (event.type === "opened")
    records.noteOfDevice({ user, device }, { type: "allocate", outcome: "ok", note: event.transport });
  else if (event.type === "refused")
    records.noteOfDevice(
      { user, device },
      { type: "allocate", outcome: String(event.code), ...(!event.isProven && { note: "credentials" }) },
    );
  else if (event.type === "denied")
    records.noteOfDevice({ user, device }, { type: "permission", outcome: "403", note: event.rule });
  else records.noteOfDevice({ user, device }, { type: "release", outcome: event.reason, bytes: event.bytes });
}
