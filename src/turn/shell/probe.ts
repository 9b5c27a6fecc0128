import { now } from "../../net/clock.ts";
import { connectStream } from "../../net/connect.ts";
import { bindUdp } from "../../net/udp.ts";
import { formatAddress } from "../../shared/ip-address.ts";
import { StreamSplitter } from "../../wire/stun/stream-splitter.ts";
import { family, type TransportAddress } from "../../wire/stun/transport-address.ts";
import { TurnClient, TurnClientError } from "./turn-client.ts";

/** A TURN server as an ICE URL names it; the host is a numeric address where it is UDP. */
export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls";
  readonly username: string;
  readonly credential: string;
}

export type ProbeResult =
  | { readonly ok: true; readonly ms: number; readonly mapped: string; readonly relayed: string }
  /** `advice`: what to look at. */
  | { readonly ok: false; readonly failure: string; readonly advice: string };

const timeout = 2_000;

/** Asks a server for its Binding answer and for an allocation, which is given back. Never rejects. */
export async function probeTurn(target: ProbeTarget): Promise<ProbeResult> {
  const start = now();
  let close = (): void => {};
  try {
    const link = await open(target);
    close = link.close;
    const mapped = await link.client.binding();
    const { relayed } = await link.client.allocate(family.ipv4);
    await link.client.refresh(0);
    return { ok: true, ms: now() - start, mapped: text(mapped), relayed: text(relayed) };
  } catch (error) {
    const code = error instanceof TurnClientError ? error.code : undefined;
    return { ok: false, failure: (error as Error).message, advice: advice(target, code) };
  } finally {
    close();
  }
}

async function open({ host, port, transport, username, credential }: ProbeTarget) {
  if (transport === "udp") {
    const address = host.includes(":") ? "::" : "0.0.0.0";
    const socket = await bindUdp({ address, port: 0, receive: (bytes) => client.receive(bytes) });
    const client = new TurnClient((bytes) => void socket.send(bytes, port, host), username, credential);
    return { client, close: () => socket.close() };
  }
  const splitter = new StreamSplitter();
  const take = (message: Uint8Array): boolean => {
    client.receive(message);
    return true;
  };
  const tls = transport === "tls" ? { tls: { trustAny: false } } : {};
  const stream = await connectStream({ host, port, timeout, ...tls }, () => ({
    data: (chunk) => void splitter.push(chunk, take),
    closed: () => {},
  }));
  const client = new TurnClient((bytes) => stream.write(bytes.slice()), username, credential);
  return { client, close: () => stream.destroy() };
}

function advice({ transport, port }: ProbeTarget, code: number | undefined): string {
  if (code === 401) return "the secret differs from the server's, or a clock is wrong";
  if (code === 486 || code === 508)
    return "the server has no room: look at its limits and its range of relay ports";
  if (transport === "udp")
    return `is UDP port ${port} open in every firewall, and forwarded where there is NAT?`;
  if (transport === "tls") return `is TCP port ${port} open, and does the certificate name this host?`;
  return `is TCP port ${port} open in every firewall, and forwarded where there is NAT?`;
}

function text({ address, port }: TransportAddress): string {
  const host = formatAddress(address);
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
