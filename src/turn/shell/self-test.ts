import { after, now } from "../../net/clock.ts";
import { connectStream } from "../../net/connect.ts";
import { bindUdp } from "../../net/udp.ts";
import { parseAddress } from "../../shared/ip-address.ts";
import { StreamSplitter } from "../../wire/stun/stream-splitter.ts";
import { type Family, family, familyOf, type TransportAddress } from "../../wire/stun/transport-address.ts";
import type { StaticUser } from "../credentials.ts";
import type { TurnMachine } from "../machine.ts";
import type { RelayAddress } from "./public-address.ts";
import { reachableAddress } from "./public-address.ts";
import { TurnClient } from "./turn-client.ts";

/** What the test found. `step` and `failure` say where it ended and why. */
export type SelfTestResult =
  | { readonly ok: true; readonly ms: number }
  | { readonly ok: false; readonly ms: number; readonly step: string; readonly failure: string };

export interface SelfTestSubject {
  readonly machine: TurnMachine;
  readonly udp: Listening | undefined;
  readonly tcp: Listening | undefined;
  readonly addresses: Readonly<Partial<Record<Family, RelayAddress>>>;
  /** The one account whose relays may reach a peer on this machine, and only this peer, while the test runs. */
  readonly account: StaticUser;
}

interface Listening {
  readonly address: string;
  readonly port: number;
}

/** How long relayed data may take. ms */
const patience = 1_000;

/**
 * Allocates, relays to a peer and back with indications and with a channel, by each family that there are relays of, and
 * refreshes: all through the real sockets.
 * Each step is tried for about two seconds. Never rejects.
 */
export async function runSelfTest(subject: SelfTestSubject): Promise<SelfTestResult> {
  const start = now();
  const progress = { step: "connect" };
  try {
    await perform(subject, progress);
    return { ok: true, ms: now() - start };
  } catch (error) {
    const { step } = progress;
    return { ok: false, ms: now() - start, step, failure: `${step}: ${(error as Error).message}` };
  } finally {
    subject.machine.policy.exempt(undefined);
  }
}

async function perform(subject: SelfTestSubject, progress: { step: string }): Promise<void> {
  const { account, addresses } = subject;
  const served = [family.ipv4, family.ipv6].filter((one) => addresses[one] !== undefined);
  const [first] = served;
  if (first === undefined) throw new Error("there is no address to relay from");
  const link = await openLink(subject);
  try {
    const client = new TurnClient(link.send, account.name, account.password);
    link.listen((message) => client.receive(message));
    progress.step = "binding";
    await client.binding();
    progress.step = "allocate";
    const { relayed, others } = await client.allocate(served.length > 1 ? "additional" : first);
    if (others.length < served.length - 1) throw new Error("no relay of the second family");
    for (const [index, one] of [relayed, ...others].entries())
      await relayBothWays(subject, client, one, 0x4000 + index, progress);
    progress.step = "refresh";
    await client.refresh(600);
    await client.refresh(0);
  } finally {
    link.close();
  }
}

async function relayBothWays(
  { machine, account, addresses }: SelfTestSubject,
  client: TurnClient,
  relayed: TransportAddress,
  channel: number,
  progress: { step: string },
): Promise<void> {
  const which = familyOf(relayed.address);
  const here = reachableAddress(addresses[which]?.bind ?? "");
  const named = which === family.ipv6 ? " by IPv6" : "";
  const inbox = new Inbox();
  const peer = await bindUdp({ address: here, port: 0, receive: (bytes) => inbox.put(bytes) });
  try {
    client.onData = (payload) => inbox.put(payload);
    const peerAddress: TransportAddress = { address: parseAddress(here) as Uint8Array, port: peer.port };
    machine.policy.exempt({ user: account.name, ...peerAddress });
    progress.step = `permission${named}`;
    await client.permit(peerAddress);
    progress.step = `relay to a peer${named}`;
    await inbox.expect("to the peer", (text) => client.sendTo(peerAddress, text));
    progress.step = `relay from a peer${named}`;
    await inbox.expect("from the peer", (text) => void peer.send(text, relayed.port, here));
    progress.step = `channel${named}`;
    await client.bind(channel, peerAddress);
    await inbox.expect("by the channel", (text) => client.sendByChannel(channel, text));
    await inbox.expect("back by the channel", (text) => void peer.send(text, relayed.port, here));
  } finally {
    peer.close();
  }
}

interface Link {
  send(bytes: Uint8Array): void;
  listen(receive: (message: Uint8Array) => void): void;
  close(): void;
}

/** By UDP where there is such a listener, else by TCP. */
async function openLink({ udp, tcp }: SelfTestSubject): Promise<Link> {
  let receive = (_message: Uint8Array): void => {};
  const listen = (to: typeof receive): void => {
    receive = to;
  };
  if (udp !== undefined) {
    const host = reachableAddress(udp.address);
    const socket = await bindUdp({ address: host, port: 0, receive: (bytes) => receive(bytes) });
    return {
      send: (bytes) => void socket.send(bytes, udp.port, host),
      listen,
      close: () => socket.close(),
    };
  }
  if (tcp === undefined) throw new Error("there is no listener that can be tested from here");
  const splitter = new StreamSplitter();
  const stream = await connectStream(
    { host: reachableAddress(tcp.address), port: tcp.port, timeout: patience },
    () => ({
      data: (chunk) =>
        void splitter.push(chunk, (message) => {
          receive(message);
          return true;
        }),
      closed: () => {},
    }),
  );
  return { send: (bytes) => stream.write(bytes.slice()), listen, close: () => stream.destroy() };
}

/** Waits for one text at a time. */
class Inbox {
  #arrived: (text: string) => void = () => {};

  put(bytes: Uint8Array): void {
    this.#arrived(String.fromCharCode(...bytes));
  }

  expect(text: string, send: (bytes: Uint8Array) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = after(patience, () => reject(new Error(`nothing arrived within ${patience} ms`)));
      this.#arrived = (got) => {
        if (got !== text) return;
        cancel();
        resolve();
      };
      send(Uint8Array.from(text, (character) => character.charCodeAt(0)));
    });
  }
}
