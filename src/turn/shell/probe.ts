import { after, now } from "../../net/clock.ts";
import { connectStream } from "../../net/connect.ts";
import { resolveHost } from "../../net/resolve.ts";
import { bindUdp } from "../../net/udp.ts";
import { formatAddress } from "../../shared/ip-address.ts";
import { errorCode } from "../../wire/stun/error-code.ts";
import { StreamSplitter } from "../../wire/stun/stream-splitter.ts";
import { family, familyOf, type TransportAddress } from "../../wire/stun/transport-address.ts";
import { type ProbeStep, probeAdvice } from "./probe-advice.ts";
import { TurnClient, TurnClientError } from "./turn-client.ts";

/** A TURN server as an ICE URL names it. */
export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls";
  readonly username: string;
  readonly credential: string;
}

export type ProbeResult =
  | {
      readonly ok: true;
      readonly ms: number;
      /** Our address as the server sees it, and the address of the relay. */
      readonly mapped: string;
      readonly relayed: string;
      /** Whether data went through the relay both ways. It is not tried when the server doesn't relay to our address. */
      readonly data: "both ways" | "not tried";
    }
  | {
      readonly ok: false;
      readonly step: ProbeStep;
      readonly failure: string;
      /** The server's error, or 0. */
      readonly code: number;
      /** What to look at. */
      readonly advice: string;
    };

/** Time-out of a connection, and of data through the relay. ms */
const timeout = 2_000;
const again = 400;

/**
 * Asks a server for a Binding answer and for a relay, sends data through the relay both ways, and ends it. Data that arrives proves
 * that the relay's port is open, and that clients are told the right address. Never rejects.
 */
export async function probeTurn(target: ProbeTarget): Promise<ProbeResult> {
  const start = now();
  const progress: Progress = { step: "resolve", host: undefined, relayed: undefined };
  let close = (): void => {};
  try {
    progress.host = await resolveHost(target.host);
    progress.step = "connect";
    const link = await open(target, progress.host);
    close = link.close;
    progress.step = "binding";
    const mapped = await link.client.binding();
    progress.step = "allocate";
    const relayed = await allocate(link.client);
    progress.relayed = relayed;
    progress.step = "relay";
    const data = await relay(link.client, mapped, relayed);
    progress.step = "refresh";
    await link.client.refresh(0);
    return { ok: true, ms: now() - start, mapped: text(mapped), relayed: text(relayed), data };
  } catch (error) {
    const { step } = progress;
    const code = error instanceof TurnClientError ? error.code : 0;
    const advice = probeAdvice({ ...target, ...progress, code, error: error as Error });
    return { ok: false, step, failure: (error as Error).message, code, advice };
  } finally {
    close();
  }
}

interface Progress {
  step: ProbeStep;
  /** As it was resolved. */
  host: string | undefined;
  relayed: TransportAddress | undefined;
}

async function open({ host: name, port, transport, username, credential }: ProbeTarget, host: string) {
  if (transport === "udp") {
    const socket = await bindUdp({
      address: anyOf(host),
      port: 0,
      receive: (bytes) => client.receive(bytes),
    });
    const client = new TurnClient((bytes) => void socket.send(bytes, port, host), username, credential);
    return { client, close: () => socket.close() };
  }
  const splitter = new StreamSplitter();
  const take = (message: Uint8Array): boolean => {
    client.receive(message);
    return true;
  };
  // The name, not its address: certificates are checked for it.
  const tls = transport === "tls" ? { host: name, tls: { trustAny: false } } : { host };
  const stream = await connectStream({ port, timeout, ...tls }, () => ({
    data: (chunk) => void splitter.push(chunk, take),
    closed: () => {},
  }));
  const client = new TurnClient((bytes) => stream.write(bytes.slice()), username, credential);
  return { client, close: () => stream.destroy() };
}

/** Allocates an IPv4 relay, as browsers do; an IPv6 one if there is no IPv4. */
async function allocate(client: TurnClient): Promise<TransportAddress> {
  try {
    return (await client.allocate(family.ipv4)).relayed;
  } catch (error) {
    if (!(error instanceof TurnClientError && error.code === errorCode.addressFamilyNotSupported))
      throw error;
    return (await client.allocate(family.ipv6)).relayed;
  }
}

/** Sends data both ways: a socket of ours is the peer. It sends to the relay, which then sends to that datagram's source. */
async function relay(
  client: TurnClient,
  mapped: TransportAddress,
  relayed: TransportAddress,
): Promise<"both ways" | "not tried"> {
  // If the relay has our own address, the server takes us for another of its relays.
  const here = formatAddress(mapped.address);
  if (familyOf(mapped.address) !== familyOf(relayed.address) || here === formatAddress(relayed.address))
    return "not tried";
  try {
    await client.permit({ address: mapped.address, port: 0 });
  } catch (error) {
    if (error instanceof TurnClientError && error.code === errorCode.forbidden) return "not tried";
    throw error;
  }
  let arrived = (): void => {};
  const to = formatAddress(relayed.address);
  const peer = await bindUdp({ address: anyOf(to), port: 0, receive: () => arrived() });
  try {
    const seen = await heard<TransportAddress>(
      () => void peer.send(hello, relayed.port, to),
      (hear) => {
        client.onData = (_payload, from) => void (typeof from === "object" && hear(from));
      },
      "nothing comes in at the relay's port",
    );
    await heard<void>(
      () => client.sendTo(seen, hello),
      (hear) => {
        arrived = hear;
      },
      "nothing comes out of the relay's port",
    );
    return "both ways";
  } finally {
    peer.close();
  }
}

const hello = Uint8Array.of(0x68, 0x69);

/** Repeats `say` until something is heard or the time is up, because datagrams may be lost. */
function heard<T>(say: () => void, listen: (hear: (what: T) => void) => void, failure: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = now() + timeout;
    let cancel = (): void => {};
    listen((what) => {
      cancel();
      resolve(what);
    });
    const step = (): void => {
      if (now() >= end) {
        reject(new Error(failure));
        return;
      }
      cancel = after(again, step);
      say();
    };
    step();
  });
}

function anyOf(host: string): string {
  return host.includes(":") ? "::" : "0.0.0.0";
}

/** The address as text. */
function text({ address, port }: TransportAddress): string {
  const host = formatAddress(address);
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
