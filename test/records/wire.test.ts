import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import wrtc from "@roamhq/wrtc";
import { connectAsync } from "mqtt";
import { connect } from "../../src/client/index.ts";
import { overMqtt } from "../../src/client/mqtt.ts";
import { openHttp } from "../../src/client/socket.ts";
import type { CallRecord, LadderRow } from "../../src/records/record.ts";
import { api } from "../api/support.ts";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { startBuiltServer } from "../browser/support/built-server.ts";
import { baresipEnd } from "../interop/baresip-end.ts";
import { answered, bothEnd, type End, eventually, rung } from "../interop/end.ts";
import { nodeEnd } from "../interop/node-end.ts";
import type { Color, PageKind } from "../interop/page/page-end.ts";
import { openEnd } from "../interop/page-ends.ts";
import { freePort } from "../support/free-port.ts";
import { hasPulseAudio, PulseAudio } from "../support/pulse-audio.ts";
import type { RunningServer } from "../support/server.ts";
import { device } from "../webrtc/support/parties.ts";
import { newestOf } from "./support/records.ts";
import { type Heard, tapHttp, tapSip, type WireTap } from "./support/wire-tap.ts";

/** How many calls are made. Each is of other clients than the one before. */
const calls = Number(process.env.WIRE_CALLS ?? 54);
const hasBaresip = hasPulseAudio && Bun.which("baresip") !== null;

/** A client, and what it has sent and heard. */
interface Tapped {
  readonly name: string;
  readonly end: End;
  /** The gateway whose words the ladder has; none where it has the native frames themselves. */
  readonly gateway?: "sip" | "xmpp" | "peerjs";
  readonly heard: readonly Heard[];
}

/** What the client and the server said to each other, in the ladder's words. */
interface Said {
  readonly sent: readonly string[];
  readonly got: readonly string[];
}

describe.skipIf(chromiumPath === null)(
  "ladders are what the clients saw on the wire, over WebSocket, long polling, MQTT, SIP, XMPP and PeerJS",
  () => {
    const stops: (() => unknown)[] = [];
    let clients: readonly Tapped[];
    let server: RunningServer;
    let taps: readonly WireTap[];

    beforeAll(async () => {
      const sipPort = await freePort();
      server = await startBuiltServer({
        log: { level: "trace", format: "json" },
        turn: { embedded: true, udpPort: 0, tcpPort: 0 },
        webhooks: [{ url: "http://127.0.0.1:9/hook", secret: webhookSecret }],
        sip: { tcp: { enabled: true, port: sipPort } },
        limits: { callsPerMinute: 1_000_000, callsBurst: 1_000_000, linksPerAddress: 1_000 },
      });
      stops.push(() => server.stop());
      const chromium = await sharedBrowser("fake");
      stops.push(() => chromium.close());
      const web = tapHttp(server);
      stops.push(web.stop);
      taps = [web];
      const tapped = `http://127.0.0.1:${web.port}`;

      /** The line that the client opens meanwhile. */
      const lineOf = async (
        { lines }: WireTap,
        speaks: RegExp,
        open: () => Promise<End>,
      ): Promise<{ readonly end: End; readonly heard: readonly Heard[] }> => {
        const before = lines.length;
        const end = await open();
        const line = lines.slice(before).find((one) => speaks.test(one.speaks));
        if (line === undefined) throw new Error(`no line: ${lines.map((one) => one.speaks)}`);
        return { end, heard: line.heard };
      };
      const inPage = (kind: PageKind, color: Color, tone: number, speaks: RegExp) =>
        lineOf(web, speaks, () => openEnd(chromium, web.port, { kind, user: kind, color, tone }));
      const polling = () =>
        nodeEnd({
          ...{ user: "polls", color: "red", tone: 600 },
          client: device(tapped, "polls", "node", { transport: openHttp }),
        });
      const overTopics = await overMqttEnd(server.url);
      stops.push(() => overTopics.end.close());

      const made: Tapped[] = [
        { name: "WebSocket", ...(await inPage("native", "red", 400, /switchboard/)) },
        { name: "long polling", ...(await lineOf(web, /polling/, async () => polling())) },
        { name: "MQTT", ...overTopics },
        { name: "JsSIP", gateway: "sip", ...(await inPage("jssip", "green", 500, /^sip$/)) },
        { name: "SIP.js", gateway: "sip", ...(await inPage("sipjs", "blue", 700, /^sip$/)) },
        { name: "stanza", gateway: "xmpp", ...(await inPage("stanza", "red", 800, /^xmpp$/)) },
        { name: "PeerJS", gateway: "peerjs", ...(await inPage("peerjs", "green", 900, /peerjs/)) },
      ];
      if (hasBaresip) {
        const pulse = await PulseAudio.start();
        stops.push(() => pulse.stop());
        const wire = await tapSip(sipPort);
        stops.push(wire.stop);
        taps = [web, wire];
        const desk = { user: "desk", color: "red", tone: 1_100 } as const;
        const baresip = await lineOf(wire, /sip/, () => baresipEnd(pulse, wire.port, desk));
        made.push({ name: "baresip", gateway: "sip", ...baresip });
      }
      clients = made;
    }, 240_000);
    afterAll(async () => {
      for (const { end } of clients ?? []) await end.close().catch(() => {});
      for (const stop of stops.reverse()) await stop();
    }, 60_000);

    test(
      `${calls} calls`,
      async () => {
        const wrong: string[] = [];
        for (const [n, [caller, callee]] of pairs(clients, calls).entries()) {
          const starts = [caller, callee].map(({ heard }) => heard.length);
          const ending = possible(endings[n % endings.length] ?? "caller hangs up", caller, callee);
          const name = `${n}: ${caller.name} calls ${callee.name}, ${ending}`;
          try {
            const began = Date.now();
            await talk(caller, callee, ending);
            let { record } = await newestOf(server.url, caller.end.user);
            // Of a call of PeerJS the server may hear later than the clients that it is over.
            await eventually("the record", async () => {
              ({ record } = await newestOf(server.url, caller.end.user));
              return record.startedAt >= began;
            });
            for (const [index, one] of [caller, callee].entries())
              wrong.push(
                ...differences(record, one, one.heard.slice(starts[index])).map((why) => `${name}: ${why}`),
              );
          } catch (error) {
            wrong.push(`${name}: ${(error as Error).message.split("\n")[0]}`);
          }
        }
        expect(wrong).toEqual([]);
      },
      15 * 60_000,
    );

    test("no secret of theirs is in the log, the records, the events or the metrics", async () => {
      const secrets = secretsOn(taps, clients);
      expect(secrets.size).toBeGreaterThan(calls);
      secrets.add(webhookSecret).add("a=ice-pwd").add("v=0");
      const ask = api(server);
      const records: unknown[] = [];
      for (let cursor = ""; ; ) {
        const { body } = await ask("GET", `/records?limit=100${cursor}`);
        for (const { session } of body.items) records.push((await ask("GET", `/records/${session}`)).body);
        if (body.next === undefined) break;
        cursor = `&cursor=${body.next}`;
      }
      expect(records.length).toBeGreaterThanOrEqual(calls);
      const { items: endpoints } = (await ask("GET", "/webhooks")).body;
      const outputs: Record<string, string> = {
        "the log": server.logs.join("\n"),
        records: JSON.stringify(records),
        events: JSON.stringify((await ask("GET", `/webhooks/${endpoints[0].id}/deliveries?limit=1000`)).body),
        settings: JSON.stringify((await ask("GET", "/settings")).body),
        metrics: await (await fetch(`${server.url}/metrics`)).text(),
      };
      const told = Object.entries(outputs).flatMap(([where, text]) =>
        [...secrets].filter((secret) => text.includes(secret)).map((secret) => `${where}: ${secret}`),
      );
      expect(told).toEqual([]);
    }, 120_000);
  },
);

/** Of no use to anybody but this test. */
const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

/** What went over the wire and stands nowhere else: passwords of ICE and TURN, secrets of links, digests, tokens, candidates, descriptions. */
function secretsOn(taps: readonly WireTap[], clients: readonly Tapped[]): Set<string> {
  const found = new Set<string>();
  const texts = [
    ...taps.flatMap(({ lines }) => lines.flatMap(({ heard }) => heard)),
    ...clients.flatMap(({ heard }) => heard),
  ];
  for (const { text } of texts)
    for (const pattern of secretPatterns)
      for (const [, secret = ""] of text.matchAll(pattern)) if (secret.length >= 8) found.add(secret);
  return found;
}

const secretPatterns = [
  /a=ice-pwd:([\w+/]+)/g,
  /\bpwd=["']([^"']+)["']/g,
  /"(?:credential|secret|ticket|token)":"([^"]+)"/g,
  /\bpassword=["']([^"']+)["']/g,
  /\b(?:response|nonce)="([^"]+)"/g,
  /(candidate:\S+ \d+ udp \d+ \S+ \d+) typ/gi,
  /a=fingerprint:\S+ ([\w:]{32})/g,
];

const endings = ["caller hangs up", "callee hangs up", "declined", "cancelled"] as const;

/**
 * PeerJS tells nobody that it hangs up, gives up or declines, and only native devices report that no media comes: the other end does it.
 * A call of stanza to baresip does not connect (docs/interop.md): it is declined.
 */
function possible(
  ending: (typeof endings)[number],
  caller: Tapped,
  callee: Tapped,
): (typeof endings)[number] {
  if (caller.name === "stanza" && callee.name === "baresip") return "declined";
  const [callerIs, calleeIs] = [caller, callee].map(({ gateway }) => gateway === "peerjs");
  if (ending === "caller hangs up" || ending === "callee hangs up")
    return callerIs ? "callee hangs up" : calleeIs ? "caller hangs up" : ending;
  return callerIs ? "declined" : calleeIs ? "cancelled" : ending;
}

/** PeerJS ends a call without a data channel, and baresip has none. */
function canCall(...both: readonly Tapped[]): boolean {
  return !["PeerJS", "baresip"].every((name) => both.some((one) => one.name === name));
}

/** So many ordered pairs, each client as often as any other. */
function pairs(clients: readonly Tapped[], count: number): (readonly [Tapped, Tapped])[] {
  const all = clients.flatMap((_, round) =>
    clients.flatMap((caller, n) => {
      const callee = clients[(n + round) % clients.length];
      return round > 0 && callee !== undefined && canCall(caller, callee) ? [[caller, callee] as const] : [];
    }),
  );
  return Array.from({ length: count }, (_, n) => all[n % all.length] as readonly [Tapped, Tapped]);
}

async function talk(caller: Tapped, callee: Tapped, ending: (typeof endings)[number]): Promise<void> {
  if (ending === "declined") {
    await rung(caller.end, callee.end);
    await callee.end.decline();
  } else if (ending === "cancelled") {
    await rung(caller.end, callee.end);
    await caller.end.hangup();
  } else {
    await answered(caller.end, callee.end);
    for (const { end } of [caller, callee])
      await eventually(`${end.user} to connect`, async () => (await end.state()).connected);
    await (ending === "callee hangs up" ? callee : caller).end.hangup();
  }
  await bothEnd(caller.end, callee.end);
}

/** In what the ladder of one party differs from what it saw. */
function differences(record: CallRecord, { end, gateway }: Tapped, heard: readonly Heard[]): string[] {
  const leg = record.legs.find(({ user }) => user === end.user);
  if (leg === undefined) return [`no leg of ${end.user}`];
  const party = `${leg.user}/${leg.device}`;
  const rows = record.ladder;
  const told: Said = {
    sent: rows.filter(({ from, to }) => from === party && to === (gateway ?? "server")).flatMap(wordOf),
    got: rows.filter(({ from, to }) => to === party && from === (gateway ?? "server")).flatMap(wordOf),
  };
  const seen = gateway === undefined ? nativeSaid(heard, record.session) : gatewayWords[gateway](heard);
  const found: string[] = [];
  const acknowledged = seen.got.slice(told.got.length).every((word) => word === "ACK");
  if (told.got.join() !== seen.got.slice(0, told.got.length).join() || !acknowledged)
    found.push(`${party} heard ${seen.got.join(" ")}, and the ladder has ${told.got.join(" ")}`);
  // What is said after the end is in no ladder: it is an acknowledgement, or came too late.
  const late = seen.sent.slice(told.sent.length);
  if (
    told.sent.join() !== seen.sent.slice(0, told.sent.length).join() ||
    late.some((word) => !mayBeLate.test(word))
  )
    found.push(`${party} sent ${seen.sent.join(" ")}, and the ladder has ${told.sent.join(" ")}`);
  return found;
}

const mayBeLate =
  /^(ACK|BYE|487|200 (BYE|CANCEL)|signal|hangup|transport-info|session-terminate|CANDIDATE|LEAVE)$/;

/** Reports are left out: the ladder has only those that say something new. */
const wordOf = ({ type, note, from, to }: LadderRow): string[] => {
  const isSip = from === "sip" || to === "sip";
  return type === "report" ? [] : [isSip && note !== undefined ? `${type} ${note}` : type];
};

interface Frame {
  readonly id?: number;
  /** Which request this is the reply to. */
  readonly re?: number;
  readonly type?: string;
  readonly session?: string;
  readonly ok?: { readonly session?: string };
}

/** The frames of one session. */
function nativeSaid(heard: readonly Heard[], session: string): Said {
  const frames = heard.map(({ direction, text }) => ({ direction, frame: JSON.parse(text) as Frame }));
  const opened = new Set(
    frames.flatMap(({ frame: { re, ok } }) => (re !== undefined && ok?.session === session ? re : [])),
  );
  const isOpener = ({ type, id }: Frame): boolean => type === "call" && id !== undefined && opened.has(id);
  const of = (wanted: string): string[] =>
    frames.flatMap(({ direction, frame }) => {
      const { type, session: its } = frame;
      const isTold = type !== undefined && type !== "report" && (its === session || isOpener(frame));
      return direction === wanted && isTold ? [type] : [];
    });
  return { sent: of(">"), got: of("<") };
}

const said =
  (wordIn: (text: string) => string | undefined) =>
  (heard: readonly Heard[]): Said => {
    const of = (wanted: string): string[] =>
      heard.flatMap(({ direction, text }) => (direction === wanted ? (wordIn(text) ?? []) : []));
    return { sent: of(">"), got: of("<") };
  };

const gatewayWords: Readonly<Record<NonNullable<Tapped["gateway"]>, (heard: readonly Heard[]) => Said>> = {
  sip: (heard) => {
    const callId = (text: string) => /^Call-ID\s*:\s*(\S+)/im.exec(text)?.[1];
    // What belongs to the call before may still be on its way.
    const invite = heard.findLast(({ text }) => text.startsWith("INVITE "));
    return sipWords(heard.filter(({ text }) => callId(text) === callId(invite?.text ?? "")));
  },
  xmpp: said((text) => {
    if (/^<iq\b[^>]*\btype=["']set["']/.test(text))
      return /<jingle\b[^>]*\baction=["']([\w-]+)["']/.exec(text)?.[1];
    return /<([a-z]+) [^>]*xmlns=["']urn:xmpp:jingle-message:0["']/.exec(text)?.[1];
  }),
  peerjs: said((text) => {
    const { type } = JSON.parse(text) as { readonly type: string };
    return type === "OPEN" || type === "HEARTBEAT" ? undefined : type;
  }),
};

const sipWords = said((text) => {
  const [, cseq = ""] = /^CSeq\s*:\s*\d+\s+(\w+)/im.exec(text) ?? [];
  const [, status] = /^SIP\/2.0 (\d{3})/.exec(text) ?? [];
  if (status === undefined) return /^[A-Z]+(?= )/.exec(text)?.[0];
  return cseq === "INVITE" ? status : `${status} ${cseq}`;
});

/** The SDK over mqtt.js, and what these two say to each other. */
async function overMqttEnd(url: string): Promise<{ readonly end: End; readonly heard: Heard[] }> {
  const name = "topics/mqtt";
  const mqtt = await connectAsync(`${url.replace("http", "ws")}/mqtt`, {
    ...{ username: name, clientId: name, password: "dev:topics" },
  });
  const heard: Heard[] = [];
  const publish = mqtt.publish.bind(mqtt);
  mqtt.publish = ((topic: string, text: string, ...more: never[]) => {
    heard.push({ direction: ">", text });
    return publish(topic, text, ...more);
  }) as never;
  mqtt.on("message", (_topic, message) => heard.push({ direction: "<", text: String(message) }));
  const client = connect({ ...overMqtt(mqtt, name), rtc: wrtc });
  const end = await nodeEnd({
    ...{ user: "topics", client, color: "blue", tone: 1_000 },
    after: () => mqtt.endAsync(true),
  });
  return { end, heard };
}
