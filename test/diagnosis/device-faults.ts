import { createECDH } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import type * as Sdk from "../../src/client/index.ts";
import { api } from "../api/support.ts";
import type { Camera } from "../browser/support/browser.ts";
import { pageUrl } from "../browser/support/built-server.ts";
import { clientPage } from "../browser/support/client-page.ts";
import { type Provocation, provocations, type Stage } from "../records/support/provocations.ts";
import { newestOf } from "../records/support/records.ts";
import { eventually, pageParty } from "../sip/support/parties.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { startBalancer } from "../webrtc/support/balancer.ts";
import { device, camera as film, microphone } from "../webrtc/support/parties.ts";

/** What the provocations use beside two devices. */
export interface Props {
  browser(camera: Camera): Promise<Browser>;
  /** The URL of an application that refuses every call, and of one that never answers. */
  readonly refusing: string;
  readonly silent: string;
  /** URLs of a push service: that of a subscription that is gone, and of one whose phone never wakes. */
  readonly gone: string;
  readonly asleep: string;
}

/** A fault of devices, and what the console has to say of it. `A` and `B` stand for names of the two users. */
export interface DeviceFault extends Omit<Provocation, "provoke"> {
  readonly words: string;
  /** It may be one of many at a time, at a server that all share. */
  readonly repeatable: boolean;
  /** Resolves with the server that knows of the call, where that is another one by now. */
  provoke(stage: Stage, props: Props): Promise<RunningServer | undefined>;
}

const words: Readonly<Record<string, string>> = {
  not_there: "^B had no device online to ring\\.$",
  went_offline: "^B/raw rang and went offline before anybody answered\\.$",
  bad_request: "^The call was refused: bad_request\\.$",
  over_limit: "^A limit refused the call of A \\(too_many_rings\\)\\.$",
  caller_not_reached: "^A's devices did not take the call: declined\\.$",
  no_answer: "^B/phone rang for [\\d.]+ s and was not answered\\.$",
  not_alerted: "^B/raw got the call and never said that it rings\\.$",
  caller_gave_up: "^A gave up after",
  declined: "^B/phone declined\\.$",
  declined_by_device: "^B/raw declined without asking anybody \\(incompatible\\)\\.$",
  busy: "^B was in another call\\.$",
  not_confirmed: "^B answered, and A's device did not confirm in time\\.$",
  no_description: "^No answer came\\.$",
  no_common_codec: "^A and B can't use each other's media: no common codec\\.$",
  no_candidates: "^(A/laptop|B/phone) sent no candidates\\.$",
  turn_credentials: "^TURN refused the credentials of A/laptop",
  turn_peer_denied: "^TURN denied a peer of A/laptop",
  dtls_failed: "has a path, and DTLS did not finish on it\\.$",
  fingerprint_mismatch: "^B/phone got another certificate than the one that was announced\\.$",
  token_expired: "^The token of A/laptop had expired, and it did not come back with another one\\.$",
  hung_up_before_media: "^The call was hung up [\\d.]+ s after the answer, before media was connected\\.$",
  no_fault: "^The call was connected for [\\d.]+ s and hung up\\.$",
  glare: "^(A called B|B called A) at the same time; that call goes on\\.$",
  moved: "^B moved the call from phone to tablet\\.$",
  link_lost: "^A/raw lost its link and did not come back\\.$",
  page_closed: "^A/raw closed its page or app\\.$",
  signed_out: "device was signed out during the call\\.$",
  turn_quota: "^TURN had no relay left for A/laptop",
};

const ofNode: readonly DeviceFault[] = provocations.map(({ provoke, ...one }) => ({
  ...one,
  provoke: async (stage) => {
    await provoke(stage);
    return undefined;
  },
  words: words[one.code] ?? "^$",
  repeatable: one.settings === undefined,
}));

/** A device in Chromium that has no camera, or may not use it. Its page answers with camera and microphone, and can't open them. */
function camera(code: string, kind: Camera, text: string): DeviceFault {
  return {
    ...{ code, certainty: "certain", repeatable: false },
    words: `^B/browser ${text} microphone and camera\\.$`,
    provoke: async (stage, { browser }) => {
      const context = await (await browser(kind)).newContext({ bypassCSP: true });
      const url = pageUrl(stage.server);
      const page = await clientPage(context, url);
      await page.evaluate(
        async ([from, user]) => {
          const { connect } = (await import(`${from}/client.js`)) as typeof Sdk;
          const client = connect({ url: from, token: `dev:${user}`, device: { id: "browser" } });
          client.on("incoming", (ring) => {
            ring.accept({ media: { audio: true, video: true } }).catch(() => {});
          });
          await client.ready;
        },
        [url, stage.bob] as const,
      );
      const alice = await stage.device(stage.alice);
      await alice.call(stage.bob, { media: await film(), timeout: 6_000 }).ended;
      await context.close();
      return undefined;
    },
  };
}

/** A phone that speaks SIP, with JsSIP in Chromium, is called by a device with the SDK in Node. */
function phone(code: string, text: string, answer: "decline" | "nothing"): DeviceFault {
  return {
    ...{ code, certainty: "certain", words: text, repeatable: false },
    provoke: async (stage, { browser }) => {
      const bob = await pageParty(await browser("fake"), pageUrl(stage.server), "jssip", stage.bob, {
        audioOnly: true,
      });
      const alice = await stage.device(stage.alice);
      const call = alice.call(stage.bob, { media: false, timeout: 3_000 });
      await eventually("the phone rings", async () => (await bob.state()).rings > 0);
      if (answer === "decline") await bob.decline();
      await call.ended;
      await bob.stop();
      return undefined;
    },
  };
}

const others: readonly DeviceFault[] = [
  camera("media_refused", "denied", "was not allowed to use its"),
  camera("media_missing", "none", "has no fitting"),
  phone("declined", "^B/\\S+ declined\\.$", "decline"),
  phone("no_answer", "^B/\\S+ rang for [\\d.]+ s and was not answered\\.$", "nothing"),
];

const hookFault =
  (code: string, text: string, which: "refusing" | "silent") =>
  (props: Props): DeviceFault => ({
    ...{ code, certainty: "certain", words: text, repeatable: false },
    settings: {
      hooks: { url: props[which], timeout: 500, secret: `whsec_${Buffer.alloc(32, 7).toString("base64")}` },
    },
    provoke: async (stage) => {
      const alice = await stage.device(stage.alice);
      await alice.call(stage.bob, { media: false }).ended;
      return undefined;
    },
  });

/** A device that sleeps is called: its browser's push service is asked to wake it. */
function asleep(code: string, which: "gone" | "asleep", text: string): DeviceFault {
  return {
    ...{ code, words: text, repeatable: true },
    provoke: async (stage, props) => {
      const keys = createECDH("prime256v1").generateKeys("base64url");
      const webPush = { endpoint: props[which], keys: { p256dh: keys, auth: "CQkJCQkJCQkJCQkJCQkJCQ" } };
      const { status } = await api(stage.server)("PUT", `/devices/${stage.bob}/phone/push`, { webPush });
      if (status !== 204) throw new Error(`registered: ${status}`);
      const alice = await stage.device(stage.alice);
      await alice.call(stage.bob, { media: false, timeout: 2_000 }).ended;
      return undefined;
    },
  };
}

/** The server is killed during a call, and is started again. It notes which sessions live where a webhook has to hear of their end. */
function killed(folder: string, { asleep: url }: Props): DeviceFault {
  const settings = {
    store: { path: join(folder, "killed.db") },
    records: { lostAfter: 1_000 },
    webhooks: [{ url, secret: `whsec_${Buffer.alloc(32, 7).toString("base64")}`, events: ["session.*"] }],
  };
  return {
    ...{ code: "server_lost_it", certainty: "certain", settings, repeatable: false },
    words: "^The server ended during the call\\.$",
    provoke: async (stage) => {
      const { alice, bob, call, theirs } = await stage.answered();
      await Promise.all([call.connected, theirs.connected]);
      // What is on the disk is at most 50 ms old.
      await new Promise((written) => setTimeout(written, 1_000));
      await stage.server.kill();
      await Promise.all([alice.close(), bob.close()]);
      return await startServer({ config: settings });
    },
  };
}

/** A device calls while the server drains. The server's next run has the record. */
function draining(folder: string): DeviceFault {
  const settings = { store: { path: join(folder, "draining.db") }, drain: 20_000 };
  return {
    ...{ code: "server_busy", certainty: "certain", settings, repeatable: false },
    words: "^The server could not take the call \\(temporary\\)\\.$",
    provoke: async (stage) => {
      const alice = await stage.raw(stage.alice);
      const ask = api(stage.server);
      const { items } = (await ask("GET", "/nodes")).body;
      const { status } = await ask("POST", `/nodes/${items[0].node}/drain`, {});
      if (status !== 202) throw new Error(`drain: ${status}`);
      // It has been told to go, and calls all the same.
      await alice.next("goodbye");
      alice.ask("call", { to: stage.bob, key: crypto.randomUUID() });
      // It answers nobody else any more. What is on the disk is at most 50 ms old.
      await new Promise((written) => setTimeout(written, 1_000));
      await stage.server.stop();
      return await startServer({ config: settings });
    },
  };
}

/** Of three nodes the one that owns a call dies, and its ends find the call again at the others. */
const nodeDied: DeviceFault = {
  ...{ code: "node_died", certainty: "likely", beside: true, repeatable: false },
  words: "^A server or a link ended during the call, and the call was found again\\.$",
  provoke: async (stage) => {
    const nats = await NatsServer.start();
    const start = (node: string): Promise<RunningServer> =>
      startServer({
        config: {
          node,
          nats: { url: [nats.url] },
          ticketKey: "a key that all nodes have",
          limits: { nodeSilence: 6_000 },
        },
      });
    const nodes = await Promise.all(["n1", "n2", "n3"].map(start));
    const [first, second, third] = nodes as [RunningServer, RunningServer, RunningServer];
    // Her second connection goes to the last, whether or not the first is still there.
    const way = await startBalancer([first.port, third.port]);
    const bob = device(second.url, stage.bob, "phone");
    const alice = device(way.url, stage.alice, "laptop");
    await Promise.all([alice.ready, bob.ready]);
    const ring = bob.next("incoming");
    const call = alice.call(stage.bob, { media: await microphone() });
    const theirs = await (await ring).accept({ media: await microphone() });
    await Promise.all([call.connected, theirs.connected]);
    await first.kill();
    await eventually(
      "the call to be found",
      async () => alice.state === "online" && call.peerLink === "live",
    );
    await call.hangup();
    await newestOf(third.url, stage.alice);
    await Promise.all([alice.close(), bob.close()]);
    await Promise.all([way.stop(), second.stop()]);
    return { ...third, stop: async () => void (await Promise.all([third.stop(), nats.stop()])) };
  },
};

/** All faults that need no network of their own. `folder`: where a server may keep its records. */
export function deviceFaults(props: Props, folder: string): readonly DeviceFault[] {
  return [
    ...ofNode,
    ...others,
    asleep("push_failed", "gone", "^The push that wakes a device of B failed\\.$"),
    asleep("push_late", "asleep", "^A push was sent to B, and no device came in time\\.$"),
    killed(folder, props),
    draining(folder),
    ...(hasNats ? [nodeDied] : []),
    hookFault("refused_by_hook", "^The application refused the call", "refusing")(props),
    hookFault("hook_failed", "hook", "silent")(props),
  ];
}

/** An application that refuses all calls, and one that never answers about them. Both take every device. And a push service. */
export async function applications(): Promise<Omit<Props, "browser"> & { stop(): void }> {
  const serve = async (about: (respond: (body: object) => void) => void): Promise<Server> => {
    const server = createServer((request, response) => {
      let text = "";
      request.on("data", (chunk) => {
        text += chunk;
      });
      request.on("end", () => {
        if (request.url === "/gone") return response.writeHead(410).end();
        if (request.url === "/asleep") return response.writeHead(201).end();
        const respond = (body: object): void => {
          response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));
        };
        if (/"type":"hook.authorize"|authorize/.test(text)) return about(respond);
        return respond({});
      });
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    return server;
  };
  const [no, nothing] = [
    await serve((respond) => respond({ allow: false, reason: "not today" })),
    await serve(() => {}),
  ];
  const url = (server: Server, path: string): string =>
    `http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`;
  return {
    ...{ refusing: url(no, "hooks"), silent: url(nothing, "hooks") },
    ...{ gone: url(no, "gone"), asleep: url(no, "asleep") },
    stop: () => {
      for (const one of [no, nothing]) {
        one.close();
        one.closeAllConnections();
      }
    },
  };
}
