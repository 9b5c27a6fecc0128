import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { signToken } from "../../src/auth/sign-token.ts";
import { launchAt, programFor } from "../browser/support/browser.ts";
import { freePort } from "../support/free-port.ts";
import { run } from "../support/run.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { block, type Host, onHost, openAddress, unblock } from "./network.ts";
import { PageDevice } from "./page-device.ts";

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
const secret = "0123456789abcdef0123456789abcdef";

/** A fault of the network between two browsers behind NATs, alice on the left and bob on the right. */
export interface NetworkFault {
  readonly code: string;
  /** What the console has to say. */
  readonly words: RegExp;
  /** It stands beside the cause: the call as such went on or ended well. */
  readonly beside?: true;
  /** What differs about the server from {@link openServer}. */
  readonly settings?: object;
  /** Whom alice may call. Default: everybody. */
  readonly call?: readonly string[];
  /** What the ends send; sound where it is absent. */
  readonly media?: "video";
  /** The browsers tell names in place of the addresses of their hosts, as they do to pages without a camera. */
  readonly mdns?: true;
  /** Makes the call from `alice` to `bob`, and resolves when it is over. */
  provoke(scene: Scene): Promise<void>;
}

/** The two ends of a call. Both are signed in. */
interface Scene {
  readonly alice: PageDevice;
  readonly bob: PageDevice;
  readonly names: { readonly alice: string; readonly bob: string };
  /** Of the server: signaling and the page. */
  readonly httpPort: number;
  readonly turnPort: number;
}

/** Answers, and waits until the connection stands. */
async function connect({ alice, bob, names }: Scene): Promise<void> {
  await alice.call(names.bob);
  await bob.answer();
  await Promise.all([alice.connected(), bob.connected()]);
}

/** Answers, waits until the connection has failed, or as long as people do, and hangs up. */
async function failToConnect({ alice, bob, names }: Scene): Promise<void> {
  await alice.call(names.bob);
  await bob.answer();
  await Promise.race([alice.failed(35_000), bob.failed(35_000)]).catch(() => {});
  await pause(1_500);
  await alice.hangup().catch(() => {});
}

/** A rule: nothing goes out by TCP but signaling. */
const noTurnByTcp = ({ httpPort }: Scene): string => `iifname lan tcp dport != ${httpPort} drop`;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** What is in the payload of UDP behind its 8 bytes: RFC 7983 tells them apart by the first. */
const [rtp, relayedRtp] = ["@th,64,2 2", "@th,64,2 1 @th,96,2 2"];
/** What carries data to and from a relay (RFC 8656 §11, §12). */
const [sendIndication, dataIndication, channelData] = ["@th,64,16 0x0016", "@th,64,16 0x0017", "@th,64,2 1"];

/** They connect, and for 24 s no media reaches the left end. */
async function hearNothing(scene: Scene): Promise<void> {
  // What comes by a relay has the 4 bytes of a ChannelData message before it.
  block("left", ...[rtp, relayedRtp].map((what) => `iifname wan meta l4proto udp ${what} drop`));
  await connect(scene);
  await pause(24_000);
  await scene.alice.hangup();
}

/** Faults of networks. Each is made by rules of nftables at the NATs, or by what the server does not offer. */
export const networkFaults: readonly NetworkFault[] = [
  {
    code: "no_fault",
    words: /^The call was connected for [\d.]+ s and hung up\.$/,
    provoke: async (scene) => {
      await connect(scene);
      await scene.alice.hangup();
    },
  },
  {
    code: "not_allowed",
    words: /^alice-\S+'s token has no grant to call bob-\S+\.$/,
    call: ["carol"],
    provoke: async ({ alice, names }) => {
      await alice.call(names.bob);
      await alice.ended();
    },
  },
  {
    code: "udp_blocked",
    words: /^alice-\S+ and bob-\S+ reach nothing by UDP\.$/,
    provoke: async (scene) => {
      for (const host of ["left", "right"] as const) block(host, "meta l4proto udp drop", noTurnByTcp(scene));
      await failToConnect(scene);
    },
  },
  {
    // TURN does not answer; STUN is elsewhere, and does.
    code: "turn_unreachable",
    words: /^alice-\S+ and bob-\S+ got no answer from TURN, and no relay candidate\.$/,
    provoke: async (scene) => {
      // Where one end has a relay, the other one reaches it.
      for (const host of ["left", "right"] as const)
        block(host, `udp dport ${scene.turnPort} drop`, noTurnByTcp(scene));
      await failToConnect(scene);
    },
  },
  {
    code: "only_mdns",
    words: /^alice-\S+ has only candidates with mDNS names\.$/,
    settings: { turn: { embedded: false }, iceServers: [] },
    mdns: true,
    provoke: failToConnect,
  },
  {
    code: "no_relay",
    words: /^No direct path was found, and alice-\S+ and bob-\S+ had no relay candidate\.$/,
    settings: { turn: { embedded: false } },
    provoke: failToConnect,
  },
  {
    code: "turn_peer_denied",
    words: /^TURN denied a peer of (alice|bob)-/,
    settings: { turn: { denyPeers: ["11.0.0.0/24"] } },
    provoke: failToConnect,
  },
  {
    code: "one_way_audio",
    words: /^bob-\S+ sends audio, and alice-\S+ gets (almost )?none\.$/,
    provoke: hearNothing,
  },
  {
    code: "one_way_video",
    words: /^bob-\S+ sends video, and alice-\S+ gets (almost )?none\.$/,
    media: "video",
    provoke: hearNothing,
  },
  {
    // Relays are given, and nothing comes through them. Where private addresses are denied, that would be said of them.
    code: "ice_failed",
    settings: { turn: { allowPeers: ["11.0.0.0/24", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] } },
    words: /^No pair of candidates worked between (alice|bob)-\S+ and (alice|bob)-\S+\.$/,
    provoke: async (scene) => {
      for (const host of ["left", "right"] as const)
        block(
          host,
          ...[sendIndication, dataIndication, channelData].map((what) => `meta l4proto udp ${what} drop`),
          noTurnByTcp(scene),
        );
      await failToConnect(scene);
    },
  },
  {
    code: "poor_network",
    words: /^(alice|bob)-\S+ saw up to \d\d % loss, /,
    beside: true,
    provoke: async (scene) => {
      block("left", "meta l4proto udp numgen random mod 100 < 20 drop");
      await connect(scene);
      await pause(24_000);
      await scene.alice.hangup();
    },
  },
  {
    code: "slow_setup",
    words: /^Media came [\d.]+ s after the answer\.$/,
    beside: true,
    provoke: async (scene) => {
      const { alice, bob, names } = scene;
      for (const host of ["left", "right"] as const) block(host, "meta l4proto udp drop", noTurnByTcp(scene));
      await alice.call(names.bob);
      await bob.answer();
      await pause(7_000);
      for (const host of ["left", "right"] as const) unblock(host);
      await Promise.all([alice.connected(), bob.connected()]);
      await pause(2_000);
      await alice.hangup();
    },
  },
  {
    code: "network_changed",
    words: /^ICE was restarted /,
    beside: true,
    provoke: async (scene) => {
      await connect(scene);
      await scene.alice.restartedBy(() => {
        block("left", "meta l4proto udp drop", noTurnByTcp(scene));
        setTimeout(() => unblock("left"), 9_000);
      });
      await pause(2_000);
      await scene.alice.hangup();
    },
  },
  {
    code: "connection_lost",
    words: /^The media connection broke during the call\.$/,
    provoke: async (scene) => {
      await connect(scene);
      await pause(2_000);
      block("left", "meta l4proto udp drop", noTurnByTcp(scene));
      // ICE is restarted, in vain, until somebody hangs up.
      await pause(40_000);
      await scene.bob.hangup().catch(() => {});
    },
  },
];

/** A server on the open host, with what is needed to look at its console. */
export interface OpenServer {
  readonly server: RunningServer;
  readonly url: string;
  readonly key: string;
  readonly turnPort: number;
  stop(): Promise<void>;
}

/** Starts a server in production mode. Its TURN relays between the NATs; another one, of which devices use STUN alone, tells them how they are seen. */
export async function openServer(
  stun: { readonly port: number },
  settings: object = {},
): Promise<OpenServer> {
  const state = mkdtempSync(join(tmpdir(), "switchboard-diagnosis-"));
  const env = { STATE_DIRECTORY: state };
  const key = run(process.execPath, [cli, "api-key", "diagnosis", "--role", "look"], {
    cwd: ".",
    env,
  });
  const turnPort = await freePort();
  const { turn = {}, ...more } = settings as { turn?: object };
  const server = await startServer({
    env,
    config: {
      dev: false,
      host: "0.0.0.0",
      tokens: { secret },
      iceServers: [{ urls: [`stun:${openAddress}:${stun.port}`] }],
      turn: {
        ...{ embedded: true, host: openAddress, listen: [openAddress], udpPort: turnPort, tcpPort: 0 },
        ...{ allowPeers: ["11.0.0.0/24"], ...turn },
      },
      ...more,
    },
  });
  const url = `http://${openAddress}:${server.port}`;
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(state, { recursive: true, force: true });
  };
  return { server, url, key: key.trim(), turnPort, stop };
}

type Pair = Readonly<Record<Host, Browser>>;

/** A server of which devices use STUN alone. Of development mode is none: that answers this machine only. */
export function startStun(port: number): Promise<RunningServer> {
  const turn = { embedded: true, host: openAddress, listen: [openAddress], udpPort: port, tcpPort: 0 };
  return startServer({ config: { dev: false, tokens: { secret }, turn } });
}

/** Browsers behind the NATs. */
export interface Browsers {
  /** One on each side. They are started when they are first asked for. */
  pair(mdns: boolean): Promise<Pair>;
  close(): Promise<void>;
}

export function browsersBehindNats(folder: string): Browsers {
  const pairs = new Map<boolean, Promise<Pair>>();
  const start = (host: Host, mdns: boolean): Promise<Browser> => {
    const kind = mdns ? "none" : "fake";
    const program = onHost(host, programFor(kind), join(folder, `${host}-${kind}`));
    return launchAt(program, kind, ["--autoplay-policy=no-user-gesture-required"]);
  };
  const startBoth = async (mdns: boolean): Promise<Pair> => {
    const [left, right] = await Promise.all([start("left", mdns), start("right", mdns)]);
    return { left, right };
  };
  return {
    pair: (mdns) => {
      const known = pairs.get(mdns) ?? startBoth(mdns);
      pairs.set(mdns, known);
      return known;
    },
    close: async () => {
      for (const { left, right } of await Promise.all(pairs.values()))
        await Promise.all([left.close(), right.close()]);
    },
  };
}

/** Makes the fault between two browsers. The names of both ends are of this call alone. */
export async function provoke(
  fault: NetworkFault,
  { server, url, turnPort }: OpenServer,
  browsers: Browsers,
  n: number | string,
): Promise<{ readonly caller: string }> {
  const names = { alice: `alice-${n}`, bob: `bob-${n}` };
  const { left, right } = await browsers.pair(fault.mdns === true);
  const token = (user: string, call: readonly string[] = ["*"]): Promise<string> =>
    signToken(
      { user, grants: { call: [...call] }, lifetime: 3_600 },
      { secret, issuer: "switchboard", audience: "switchboard" },
      Date.now(),
    );
  const [alice, bob] = await Promise.all([
    PageDevice.open(left, url, await token(names.alice, fault.call), "laptop", fault.media),
    PageDevice.open(right, url, await token(names.bob), "phone", fault.media),
  ]);
  try {
    await fault.provoke({ alice, bob, names, httpPort: server.port, turnPort });
  } finally {
    for (const host of ["left", "right"] as const) unblock(host);
    await Promise.all([alice.close(), bob.close()]);
  }
  return { caller: names.alice };
}
