import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import type * as Sdk from "../../src/client/index.ts";
import type { Camera } from "../browser/support/browser.ts";
import { pageUrl } from "../browser/support/built-server.ts";
import { clientPage } from "../browser/support/client-page.ts";
import { type Provocation, provocations, type Stage } from "../records/support/provocations.ts";
import { eventually, pageParty } from "../sip/support/parties.ts";
import { camera as film } from "../webrtc/support/parties.ts";

/** What the provocations use beside two devices. */
export interface Props {
  browser(camera: Camera): Promise<Browser>;
  /** The URL of an application that refuses every call, and of one that never answers. */
  readonly refusing: string;
  readonly silent: string;
}

/** A fault of devices, and what the console has to say of it. `A` and `B` stand for names of the two users. */
export interface DeviceFault extends Omit<Provocation, "provoke"> {
  readonly words: string;
  /** It may be one of many at a time, at a server that all share. */
  readonly repeatable: boolean;
  provoke(stage: Stage, props: Props): Promise<void>;
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
  hung_up_before_media: "^The call was hung up [\\d.]+ s after the answer, before media was connected\\.$",
  no_fault: "^The call was connected for [\\d.]+ s and hung up\\.$",
  page_closed: "^A/raw closed its page or app\\.$",
  signed_out: "device was signed out during the call\\.$",
  turn_quota: "^TURN had no relay left for A/laptop",
};

const ofNode: readonly DeviceFault[] = provocations.map((one) => ({
  ...one,
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
    },
  });

/** All faults that need no network of their own. */
export function deviceFaults(props: Props): readonly DeviceFault[] {
  return [
    ...ofNode,
    ...others,
    hookFault("refused_by_hook", "^The application refused the call", "refusing")(props),
    hookFault("hook_failed", "hook", "silent")(props),
  ];
}

/** An application that refuses all calls, and one that never answers about them. Both take every device. */
export async function applications(): Promise<{
  readonly refusing: string;
  readonly silent: string;
  stop(): void;
}> {
  const serve = async (about: (respond: (body: object) => void) => void): Promise<Server> => {
    const server = createServer((request, response) => {
      let text = "";
      request.on("data", (chunk) => {
        text += chunk;
      });
      request.on("end", () => {
        const respond = (body: object): void => {
          response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));
        };
        if (/"type":"hook.authorize"|authorize/.test(text)) about(respond);
        else respond({});
      });
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    return server;
  };
  const [no, nothing] = [
    await serve((respond) => respond({ allow: false, reason: "not today" })),
    await serve(() => {}),
  ];
  const url = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`;
  return {
    refusing: url(no),
    silent: url(nothing),
    stop: () => {
      for (const one of [no, nothing]) {
        one.close();
        one.closeAllConnections();
      }
    },
  };
}
