import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { clientCapabilities } from "../../src/gateways/peerjs/client.ts";
import { phoneCapabilities } from "../../src/gateways/sip/phone.ts";
import { jingleCapabilities } from "../../src/gateways/xmpp/jingle/ports.ts";
import type { Capabilities } from "../../src/protocol/values.ts";
import { installPeers } from "../support/peers.ts";
import { device } from "../webrtc/support/parties.ts";
import type { End } from "./end.ts";
import { mqttEnd } from "./mqtt-end.ts";
import { nodeEnd } from "./node-end.ts";
import { cameraCapabilities } from "./page/camera.ts";
import type { Color, PageKind } from "./page/page-end.ts";
import { openEnd } from "./page-ends.ts";
import type { Rig } from "./rig.ts";

/** Who a client is, and what it sends. */
export interface Wishes {
  readonly user: string;
  readonly device?: string;
  readonly color: Color;
  /** Hz */
  readonly tone: number;
}

/** How a client tells each end of a call. */
interface Words {
  /** The other end hung up, and it hung up itself. */
  readonly told: RegExp;
  readonly own: RegExp;
  /** The other end declined its call. */
  readonly declined: RegExp;
  /** The other end gave up before it answered. */
  readonly cancelled: RegExp;
  /** Another device of its user answered. */
  readonly elsewhere: RegExp;
}

/** A client of the matrix: what it can do, and how one is opened. */
export interface Client {
  readonly name: string;
  /** What was run. */
  readonly version: string;
  /** What this machine lacks to run it. */
  readonly lacks?: string;
  /** What may be asked of it, as the server knows it. */
  readonly capabilities: Capabilities;
  /** Why it calls nobody. */
  readonly callsNobody?: string;
  /** Sends and shows pictures. */
  readonly video: boolean;
  /** Has data channels. `needed`: its calls end without one. */
  readonly data: boolean | "needed";
  /** How its person puts a call on hold: by an offer, by a message that is none, or not at all. */
  readonly holds: "offer" | "message" | "never";
  /** Its gateway answers its offers where the other end takes none, and answers offers to it. */
  readonly answersOnBehalf: { readonly ofOthers: boolean; readonly ofItself: boolean };
  /** When it can restart ICE of its own accord: in its own calls alone, or in every call. */
  readonly restarts: "own calls" | "all" | "never";
  /** The call ends where the other end refuses an offer of its own in mid-call. */
  readonly endsWhenRefused?: boolean;
  /** Tells the server that its person declines. */
  readonly declines: boolean;
  /** Says that a call of its own rings. */
  readonly alerts: boolean;
  /** Says that the other end holds the call. */
  readonly tellsHold: boolean;
  readonly words: Words;
  open(rig: Rig, wishes: Wishes): Promise<End>;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const versionOf = (name: string, folder = root): string =>
  (JSON.parse(readFileSync(`${folder}node_modules/${name}/package.json`, "utf8")) as { version: string })
    .version;
const inPage =
  (kind: PageKind) =>
  ({ chromium, server }: Rig, wishes: Wishes): Promise<End> =>
    openEnd(chromium, server.port, { kind, ...wishes });

const lacking = (program: string): { lacks?: string } =>
  Bun.which(program) === null ? { lacks: `needs ${program}` } : {};

const nativeWords: Words = {
  told: /^hangup$/,
  own: /^hangup$/,
  declined: /^declined$/,
  cancelled: /^cancelled$/,
  elsewhere: /^answered_elsewhere$/,
};
const native = {
  capabilities: {},
  video: true,
  data: true,
  holds: "offer",
  answersOnBehalf: { ofOthers: false, ofItself: false },
  restarts: "all",
  declines: true,
  alerts: true,
  tellsHold: false,
  words: nativeWords,
} as const;
const phone = {
  capabilities: phoneCapabilities,
  video: true,
  data: true,
  holds: "offer",
  answersOnBehalf: { ofOthers: true, ofItself: true },
  restarts: "all",
  declines: true,
  alerts: true,
  tellsHold: false,
} as const;

/** Every client that is tried, in the order of the page. */
export function clients(): readonly Client[] {
  const peers = installPeers();
  return [
    { ...native, name: "Chromium", version: "the SDK in Chromium", open: inPage("native") },
    {
      ...native,
      name: "Node",
      version: `the SDK in Bun, with \`@roamhq/wrtc\` ${versionOf("@roamhq/wrtc")}`,
      open: ({ server }, { user, device: id = "node", ...sends }) =>
        nodeEnd({ user, client: device(server.url, user, id), ...sends }),
    },
    {
      ...native,
      name: "MQTT",
      version: `the SDK in Bun over mqtt.js ${versionOf("mqtt")}, at Mosquitto`,
      ...lacking("mosquitto"),
      open: ({ mosquitto }, wishes) => mqttEnd(mosquitto?.url ?? "", wishes),
    },
    {
      ...phone,
      name: "JsSIP",
      version: `JsSIP ${versionOf("jssip")} in Chromium`,
      endsWhenRefused: true,
      tellsHold: true,
      words: {
        told: /^Terminated$/,
        own: /^Terminated$/,
        declined: /^Rejected$/,
        cancelled: /^Canceled: SIP;cause=487/,
        elsewhere: /^(Canceled|Terminated): SIP;cause=200;text="Call completed elsewhere"/,
      },
      open: inPage("jssip"),
    },
    {
      ...phone,
      name: "SIP.js",
      version: `SIP.js ${versionOf("sip.js")} in Chromium`,
      words: {
        told: /^bye: $/,
        own: /^terminated$/,
        declined: /^603$/,
        cancelled: /^Canceled: SIP;cause=487/,
        elsewhere: /^(Canceled|bye): SIP;cause=200;text="Call completed elsewhere"/,
      },
      open: inPage("sipjs"),
    },
    {
      name: "stanza",
      version: `stanza ${versionOf("stanza", peers)} in Chromium`,
      capabilities: jingleCapabilities({ messageInitiation: false }),
      video: true,
      data: true,
      holds: "message",
      answersOnBehalf: { ofOthers: false, ofItself: true },
      restarts: "own calls",
      endsWhenRefused: true,
      declines: true,
      alerts: true,
      tellsHold: true,
      words: {
        told: /^success$/,
        own: /^success$/,
        declined: /^decline$/,
        cancelled: /^cancel$/,
        elsewhere: /^cancel Answered on another device$/,
      },
      open: inPage("stanza"),
    },
    {
      name: "PeerJS",
      version: `PeerJS ${versionOf("peerjs", peers)} in Chromium`,
      capabilities: clientCapabilities,
      video: true,
      data: "needed",
      holds: "never",
      answersOnBehalf: { ofOthers: false, ofItself: true },
      restarts: "never",
      declines: false,
      alerts: false,
      tellsHold: false,
      words: {
        told: /^close$/,
        own: /^close$/,
        declined: /^peer-unavailable$/,
        cancelled: /^gone$/,
        elsewhere: /^(gone|close)$/,
      },
      open: inPage("peerjs"),
    },
    {
      name: "offer-only",
      version: "the native protocol in Chromium, for a device with `sdpRole: offer-only`",
      capabilities: cameraCapabilities,
      callsNobody: "a device that only makes offers calls nobody",
      video: true,
      data: true,
      holds: "never",
      answersOnBehalf: { ofOthers: false, ofItself: false },
      restarts: "never",
      declines: true,
      alerts: false,
      tellsHold: false,
      words: nativeWords,
      open: inPage("camera"),
    },
  ];
}
