import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import type { Call, Client, IncomingCall } from "../../../src/client/index.ts";
import { clientPage } from "../../browser/support/client-page.ts";
import { camera, device } from "../../webrtc/support/parties.ts";
import type { PageKind, PeerOptions, PeerState, PeersWindow } from "./page-peers.ts";

export type Kind = PageKind | "node";

/** One end of a call, whatever it speaks and wherever it runs. */
export interface Party {
  readonly kind: Kind;
  readonly user: string;
  state(): Promise<PeerState>;
  counts(): Promise<{ packets: number; frames: number }>;
  /** `timeout`: how long it rings, in seconds; by default as long as the server lets it. */
  call(to: string, timeout?: number): Promise<void>;
  answer(): Promise<void>;
  decline(): Promise<void>;
  hangup(): Promise<void>;
  hold(on: boolean): Promise<void>;
  restartIce(): Promise<void>;
  digit(digit: string): Promise<void>;
  message(to: string, text: string): Promise<void>;
  messages(): Promise<string[]>;
  /** The ICE username fragment that it uses now. */
  ufrag(): Promise<string | undefined>;
  stop(): Promise<void>;
}

let bundled: Promise<string> | undefined;

/** The peers of the page, with JsSIP and SIP.js as they come from npm. */
function pageBundle(): Promise<string> {
  bundled ??= (async () => {
    const entry = fileURLToPath(new URL("page-peers.ts", import.meta.url));
    const built = await Bun.build({ entrypoints: [entry], target: "browser", define: { global: "window" } });
    const [output] = built.outputs;
    if (!built.success || output === undefined) throw new Error(built.logs.join("\n"));
    return await output.text();
  })();
  return bundled;
}

type KeptWindow = Window & PeersWindow;

/** A party in a page of its own. */
export async function pageParty(
  browser: Browser,
  url: string,
  kind: PageKind,
  user: string,
  options: Partial<PeerOptions> = {},
): Promise<Party & { readonly page: Page }> {
  const context = await browser.newContext({ bypassCSP: true });
  const page = await clientPage(context, url);
  await page.addScriptTag({ content: await pageBundle(), type: "module" });
  await page.waitForFunction(() => "makePeer" in window);
  const server = `${url.replace("http", "ws")}/sip`;
  const all: PeerOptions = { kind, user, server, password: `dev:${options.user ?? user}`, ...options };
  await page.evaluate(async (made) => {
    const kept = window as unknown as KeptWindow;
    kept.makePeer(made);
    await kept.peer.start();
  }, all);
  const run = <A>(what: (kept: KeptWindow, argument: A) => unknown, argument: A): Promise<void> =>
    page.evaluate(
      async ([text, value]) => {
        const call = new Function(`return (${text})`)();
        await call(window, value);
      },
      [String(what), argument] as const,
    );
  return {
    kind,
    user,
    page,
    state: () => page.evaluate(() => (window as unknown as KeptWindow).peer.state),
    counts: () => page.evaluate(() => (window as unknown as KeptWindow).mediaCounts()),
    call: (to, timeout) =>
      run((kept, [target, limit]) => kept.peer.call(target, limit ?? undefined), [
        to,
        timeout ?? null,
      ] as const),
    answer: () => run((kept) => kept.peer.answer(), null),
    decline: () => run((kept) => kept.peer.decline(), null),
    hangup: () => run((kept) => kept.peer.hangup(), null),
    hold: (on) => run((kept, wanted) => kept.peer.hold(wanted), on),
    restartIce: () => run((kept) => kept.peer.restartIce(), null),
    digit: (digit) => run((kept, key) => kept.peer.digit(key), digit),
    message: (to, text) =>
      run((kept, [target, body]) => kept.peer.message(target, body), [to, text] as const),
    messages: () => page.evaluate(() => (window as unknown as KeptWindow).peer.messages),
    ufrag: () =>
      page.evaluate(
        () =>
          /a=ice-ufrag:(\S+)/.exec(
            (window as unknown as KeptWindow).peer.pc?.localDescription?.sdp ?? "",
          )?.[1],
      ),
    stop: async () => {
      await page.evaluate(() => (window as unknown as KeptWindow).peer.stop()).catch(() => {});
      await context.close();
    },
  };
}

/** A native party in this process, with libwebrtc. */
export async function nodeParty(url: string, user: string, id = "node"): Promise<Party> {
  const client: Client = device(url, user, id);
  const state = {
    registered: true,
    rings: 0,
    alerting: false,
    connected: false,
    ended: undefined as string | undefined,
    digits: "",
    remoteHeld: false,
  };
  const messages: string[] = [];
  let ring: IncomingCall | undefined;
  let call: Call | undefined;
  const media = await camera();
  const fresh = () => Object.assign(state, { alerting: false, connected: false, ended: undefined });
  const follow = (made: Call) => {
    call = made;
    made.on("change", () => {
      state.alerting ||= made.ringing.length > 0;
    });
    made.connected.then(
      () => {
        state.connected = true;
      },
      () => {},
    );
    void made.ended.then(({ reason }) => {
      state.ended = reason;
    });
  };
  client.on("incoming", (incoming) => {
    fresh();
    state.rings++;
    ring = incoming;
    void incoming.ended.then(({ reason }) => {
      if (reason !== "accepted" && ring === incoming) state.ended = reason;
    });
  });
  client.on("message", ({ body }) => messages.push(JSON.stringify(body)));
  client.on("change", () => {
    state.registered = client.state === "online";
  });
  await client.ready;
  return {
    kind: "node",
    user,
    state: async () => ({ ...state }),
    counts: async () => {
      let packets = 0;
      let frames = 0;
      const stats = await call?.pc?.getStats().catch(async (error) => {
        const reason = await Promise.race([call?.ended, undefined]);
        throw new Error(`${user} has no media to count: ${reason?.reason ?? "the call goes on"}`, {
          cause: error,
        });
      });
      stats?.forEach((report) => {
        if (report.type !== "inbound-rtp") return;
        if (report.kind === "audio") packets += report.packetsReceived ?? 0;
        frames += report.framesDecoded ?? 0;
      });
      return { packets, frames };
    },
    call: async (to, timeout) => {
      fresh();
      follow(client.call(to, { media, ...(timeout === undefined ? {} : { timeout: timeout * 1_000 }) }));
    },
    answer: async () => void ring!.accept({ media }).then(follow),
    decline: async () => void ring!.decline(),
    hangup: async () => void call!.hangup(),
    hold: (on) => call!.hold(on),
    restartIce: () => call!.restartIce(),
    digit: async () => {
      throw new Error("the native peer sends tones in its media");
    },
    message: async (to, text) => void (await client.send(to, text)),
    messages: async () => messages,
    ufrag: async () => /a=ice-ufrag:(\S+)/.exec(call?.pc?.localDescription?.sdp ?? "")?.[1],
    stop: () => client.close(),
  };
}

/** Waits until what is asked for holds. */
export async function eventually(
  what: string,
  holds: () => Promise<unknown>,
  patience = 60_000,
): Promise<void> {
  const end = Date.now() + patience;
  for (;;) {
    if (await holds()) return;
    if (Date.now() > end) throw new Error(`waited ${patience} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until both hear audio and see video that is newer than now. */
export async function mediaFlows(...parties: readonly Party[]): Promise<void> {
  await Promise.all(
    parties.map(async (party) => {
      const before = await party.counts();
      await eventually(`media at ${party.kind} ${party.user}`, async () => {
        const now = await party.counts();
        return now.packets > before.packets + 3 && now.frames > before.frames + 2;
      });
    }),
  );
}

/** Rings, answers, and waits until both are connected. */
export async function connectParties(caller: Party, callee: Party): Promise<void> {
  const { rings } = await callee.state();
  await caller.call(callee.user);
  await eventually(`${callee.kind} to ring`, async () => (await callee.state()).rings > rings);
  await callee.answer();
  for (const party of [caller, callee])
    await eventually(`${party.kind} ${party.user} to connect`, async () => (await party.state()).connected);
}

/** Waits until the call is over at both. */
export async function bothEnd(...parties: readonly Party[]): Promise<string[]> {
  for (const party of parties)
    await eventually(`${party.kind} ${party.user} to end`, async () => (await party.state()).ended);
  return await Promise.all(parties.map(async (party) => (await party.state()).ended ?? ""));
}
