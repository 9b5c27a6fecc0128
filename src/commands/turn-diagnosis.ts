import type { Settings } from "../config/schema.ts";
import { now } from "../net/clock.ts";
import { hmacSha1 } from "../net/crypto.ts";
import { formatHost } from "../package-info.ts";
import { completed, turnOptions } from "../server/turn.ts";
import { parseAddress } from "../shared/ip-address.ts";
import { parseIceUrl } from "../turn/ice-url.ts";
import { startTurnFleet } from "../turn/shell/fleet.ts";
import { probeTurn } from "../turn/shell/probe.ts";
import { isPublicAddress } from "../turn/shell/public-address.ts";
import { discoverAddresses, type SeenAddress } from "../turn/shell/stun-discovery.ts";

/** What the doctor found out about one thing, and what to do about it where it is wrong. */
export interface Finding {
  readonly state: "ok" | "look" | "wrong";
  readonly text: string;
}

/** Makes a credential that lives for so many ms. */
type Credential = (life: number) => { readonly username: string; readonly credential: string };

const hour = 3_600_000;
/** Longer than any clock is wrong. */
const ages = 20 * 365 * 24 * hour;
const taken = /EADDRINUSE|in use/i;

/**
 * Looks whether devices will get relays: tries out every TURN server that they will be told of, as a device would, and the embedded
 * one, which is started for it where it isn't running yet.
 */
export async function diagnoseTurn(settings: Settings): Promise<Finding[]> {
  const { turn, iceServers, dev } = settings;
  const told = iceServers.flatMap(({ urls, username = "", credential = "" }) =>
    [urls].flat().map((url) => probe(url, () => ({ username, credential }), "outside")),
  );
  const external = turn.external.map((url) => probe(url, timeLimited(turn.secret), "outside"));
  const findings = (await Promise.all([...told, ...external])).flat();
  if (turn.external.length > 0) return findings;
  if (turn.embedded) return [...findings, ...(await embedded(settings))];
  if (iceServers.length > 0 || dev) return findings;
  const text =
    "no ICE servers: devices behind different NATs will not reach each other; set iceServers or turn";
  return [{ state: "look", text }];
}

/** draft-uberti-behave-turn-rest-00 §2.2 */
function timeLimited(secret: string): Credential {
  return (life) => {
    const username = `${Math.floor((now() + life) / 1_000)}:doctor`;
    return { username, credential: hmacSha1(secret, username) };
  };
}

/** `inside`: from the server's own machine, from where what can't be reached may still be reached from elsewhere. */
async function probe(url: string, account: Credential, from: "inside" | "outside"): Promise<Finding[]> {
  const parsed = parseIceUrl(url);
  if (parsed === undefined) return [{ state: "wrong", text: `${url} is no stun:, turn: or turns: URL` }];
  const { scheme, transport, host, port } = parsed;
  if (scheme === "stun") return [];
  if (transport === "dtls")
    return [{ state: "look", text: `${url} is TURN over DTLS, which browsers don't use: not tested` }];
  const target = { host, port, transport };
  const result = await probeTurn({ ...target, ...account(hour) });
  if (result.ok) {
    const done = `${url} gives relays (${result.relayed}) in ${result.ms} ms`;
    if (result.data === "both ways") return [{ state: "ok", text: `${done}, and they carry data both ways` }];
    if (from === "inside") return [{ state: "ok", text: done }];
    const untested = `${done}, but none to this machine: run this from another network to test their ports`;
    return [{ state: "look", text: untested }];
  }
  const { failure, advice, code } = result;
  // A credential that ends in an hour has ended already, if the server's clock is that far ahead.
  if (code === 401 && (await probeTurn({ ...target, ...account(ages) })).ok) {
    const here = new Date(now()).toISOString();
    const text = `${url}: the server's clock is an hour or more ahead of this machine's, which says ${here}: set both by NTP`;
    return [{ state: "wrong", text }];
  }
  const state = from === "inside" && code === 0 ? "look" : "wrong";
  return [{ state, text: `${url}: ${failure}: ${advice}` }];
}

async function embedded(settings: Settings): Promise<Finding[]> {
  const { turn, dev, host } = settings;
  try {
    const options = turnOptions(settings, host || (dev ? "127.0.0.1" : "0.0.0.0"));
    const { seen, failures } = await discoverAddresses(options, turn.stunServers);
    const findings = [
      ...failures.map(unanswered),
      ...seen.map((one) => comparison(one, turn.publicAddresses)),
    ];
    const publicAddresses = completed(turn.publicAddresses, seen);
    const fleet = await startTurnFleet({ ...options, publicAddresses }, turn.workers, () => {});
    try {
      const test = await fleet.selfTest();
      findings.push(
        test.ok
          ? { state: "ok", text: `the embedded TURN server relays: tested in ${test.ms} ms` }
          : { state: "wrong", text: `the embedded TURN server does not relay: ${test.failure}` },
      );
      if (dev) return findings;
      const host = turn.host || formatHost(fleet.relayAddresses[0] ?? "127.0.0.1");
      const urls = embeddedUrls(host, fleet.ports.udp ?? 0, fleet.ports.tcp ?? 0);
      return [
        ...findings,
        ...fleet.relayAddresses.flatMap(privateAddress),
        ...(await asDevices(urls, fleet.secret ?? "")),
      ];
    } finally {
      await fleet.stop();
    }
  } catch (error) {
    const { message } = error as Error;
    if (taken.test(message)) return await running(settings, message);
    return [{ state: "wrong", text: `the embedded TURN server can't start: ${message}` }];
  }
}

function unanswered(failure: string): Finding {
  return { state: "wrong", text: `turn.stunServers: ${failure}: may UDP leave this machine?` };
}

function comparison({ address, server, samePort }: SeenAddress, configured: readonly string[]): Finding {
  const says = `${server} sees this machine as ${address}`;
  const mine = configured.filter((text) => text.includes(":") === address.includes(":"));
  if (mine.length > 0 && !mine.includes(address))
    return { state: "wrong", text: `turn.publicAddresses says ${mine}, but ${says}` };
  if (samePort) return { state: "ok", text: `${says}, under the same port numbers` };
  const text = `${says}, but NAT changes port numbers: it must forward the relays' ports under the same numbers`;
  return { state: "wrong", text };
}

function privateAddress(address: string): Finding[] {
  if (isPublicAddress(parseAddress(address) ?? new Uint8Array(4))) return [];
  const text = `devices are told ${address} for relays, which only its own network can reach: set turn.publicAddresses, or turn.stunServers to find it`;
  return [{ state: "look", text }];
}

/** Somebody has the port: most likely the server itself, which can be asked like any other. */
async function running({ turn, tls, port, dev }: Settings, message: string): Promise<Finding[]> {
  if (turn.secret === "" || dev) {
    const text = `${message}: if that is this server, running, it can be tested only where turn.secret is set`;
    return [{ state: "look", text }];
  }
  const host = turn.host || formatHost(turn.publicAddresses[0] ?? "127.0.0.1");
  const secure = tls.cert === "" ? [] : [`turns:${host}:${turn.tlsPort || port}?transport=tcp`];
  return await asDevices([...embeddedUrls(host, turn.udpPort, turn.tcpPort), ...secure], turn.secret);
}

function embeddedUrls(host: string, udpPort: number, tcpPort: number): string[] {
  return [`turn:${host}:${udpPort}?transport=udp`, `turn:${host}:${tcpPort}?transport=tcp`];
}

/** The server by the addresses that devices are told, from here; and how to do the same from where devices are. */
async function asDevices(urls: readonly string[], secret: string): Promise<Finding[]> {
  const probes = await Promise.all(urls.map((url) => probe(url, timeLimited(secret), "inside")));
  const text = `the firewall in front of this machine can't be seen from here: from another network, run switchboard doctor --dev --turn.external ${urls[0]} with this turn.secret`;
  return [...probes.flat(), { state: "look", text }];
}
