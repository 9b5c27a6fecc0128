import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cameraCapabilities as mqttCameras } from "../../src/gateways/mqtt/cameras/camera.ts";
import { clientCapabilities } from "../../src/gateways/peerjs/client.ts";
import { phoneCapabilities } from "../../src/gateways/sip/phone.ts";
import { jingleCapabilities } from "../../src/gateways/xmpp/jingle/ports.ts";
import { firefoxPath } from "../browser/support/firefox.ts";
import { installPeers } from "../support/peers.ts";
import { device } from "../webrtc/support/parties.ts";
import { baresipEnd } from "./baresip-end.ts";
import { libpeerEnd, piWebrtcEnd } from "./camera-ends.ts";
import type { Client, Wishes, Words } from "./client.ts";
import type { End } from "./end.ts";
import { mqttEnd } from "./mqtt-end.ts";
import { nodeEnd } from "./node-end.ts";
import { cameraCapabilities } from "./page/camera.ts";
import type { PageKind } from "./page/page-end.ts";
import { openEnd } from "./page-ends.ts";
import type { Rig } from "./rig.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const versionOf = (name: string, folder = root): string =>
  (JSON.parse(readFileSync(`${folder}node_modules/${name}/package.json`, "utf8")) as { version: string })
    .version;
const inPage =
  (kind: PageKind) =>
  ({ chromium, server }: Rig, wishes: Wishes): Promise<End> =>
    openEnd(chromium, server.port, { kind, ...wishes });

const lacking = (...programs: readonly string[]): { lacks?: string } => {
  const missing = programs.find((program) => Bun.which(program) === null);
  return missing === undefined ? {} : { lacks: `needs ${missing}` };
};

const nativeWords: Words = {
  told: /^hangup$/,
  own: /^hangup$/,
  declined: /^declined$/,
  busy: /^busy$/,
  cancelled: /^cancelled$/,
  elsewhere: /^answered_elsewhere$/,
};
const native = {
  capabilities: {},
  pictures: "sends and shows",
  data: true,
  offersWhenCalled: true,
  holds: "offer",
  answersOnBehalf: { ofOthers: false, ofItself: false },
  restarts: "all",
  declines: "declined",
  alerts: true,
  tellsHold: false,
  words: nativeWords,
} as const;
const phone = {
  capabilities: phoneCapabilities,
  pictures: "sends and shows",
  data: true,
  holds: "offer",
  answersOnBehalf: { ofOthers: true, ofItself: true },
  restarts: "all",
  declines: "declined",
  alerts: true,
  tellsHold: false,
} as const;
const camera = {
  pictures: "sends",
  data: false,
  answersItself: true,
  holds: "never",
  answersOnBehalf: { ofOthers: false, ofItself: true },
  restarts: "never",
  declines: "never",
  alerts: false,
  tellsHold: false,
} as const;

/** Every client that is tried, in the order of the page. */
export function clients(): readonly Client[] {
  const peers = installPeers();
  return [
    { ...native, name: "Chromium", version: "the SDK in Chromium", open: inPage("native") },
    {
      ...native,
      name: "Firefox",
      version: "the SDK in Firefox ESR",
      engine: "Firefox",
      codecs: "no H.264",
      ...(firefoxPath === null ? { lacks: "needs firefox-esr" } : {}),
      ...lacking("pulseaudio", "pactl"),
      open: async ({ firefox, server }, wishes) =>
        openEnd(await firefox(), server.port, { kind: "native", ...wishes }),
    },
    {
      ...native,
      name: "Node",
      version: `the SDK in Bun, with \`@roamhq/wrtc\` ${versionOf("@roamhq/wrtc")}`,
      codecs: "fails at H.264",
      open: ({ server }, { user, device: id = "node", ...sends }) =>
        nodeEnd({ user, client: device(server.url, user, id), ...sends }),
    },
    {
      ...native,
      name: "MQTT",
      version: `the SDK in Bun over mqtt.js ${versionOf("mqtt")}, at Mosquitto`,
      codecs: "fails at H.264",
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
        busy: /^Busy$/,
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
        busy: /^486$/,
        cancelled: /^Canceled: SIP;cause=487/,
        elsewhere: /^(Canceled|bye): SIP;cause=200;text="Call completed elsewhere"/,
      },
      open: inPage("sipjs"),
    },
    {
      ...phone,
      name: "baresip",
      version: "baresip 1.0.0 of Debian, over TCP",
      ...lacking("baresip", "pulseaudio", "pactl", "parec"),
      pictures: "none",
      data: false,
      restarts: "never",
      keepsCredentials: true,
      onlyOffers: true,
      declines: "busy",
      words: {
        told: /^Connection reset by peer$/,
        own: /^Connection reset by user$/,
        declined: /^603 Decline$/,
        busy: /^486 Busy Here$/,
        cancelled: /^Connection reset by peer$/,
        elsewhere: /^Connection reset by peer$/,
      },
      open: ({ pulse, ports }, wishes) => baresipEnd(pulse, ports.sip, wishes),
    },
    {
      name: "stanza",
      version: `stanza ${versionOf("stanza", peers)} in Chromium`,
      capabilities: jingleCapabilities({ messageInitiation: false }),
      pictures: "sends and shows",
      data: true,
      holds: "message",
      answersOnBehalf: { ofOthers: false, ofItself: true },
      restarts: "own calls",
      knowsRestartByCredentials: true,
      endsWhenRefused: true,
      declines: "declined",
      alerts: true,
      tellsHold: true,
      words: {
        told: /^success$/,
        own: /^success$/,
        declined: /^decline$/,
        busy: /^busy$/,
        cancelled: /^cancel$/,
        elsewhere: /^cancel Answered on another device$/,
      },
      open: inPage("stanza"),
    },
    {
      name: "PeerJS",
      version: `PeerJS ${versionOf("peerjs", peers)} in Chromium`,
      capabilities: clientCapabilities,
      pictures: "sends and shows",
      data: "needed",
      holds: "never",
      answersOnBehalf: { ofOthers: false, ofItself: true },
      restarts: "never",
      declines: "never",
      alerts: false,
      tellsHold: false,
      words: {
        told: /^close$/,
        own: /^close$/,
        declined: /^peer-unavailable$/,
        busy: /^peer-unavailable$/,
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
      pictures: "sends and shows",
      data: true,
      offersWhenCalled: true,
      holds: "never",
      answersOnBehalf: { ofOthers: false, ofItself: true },
      restarts: "never",
      declines: "declined",
      alerts: false,
      tellsHold: false,
      words: nativeWords,
      open: inPage("camera"),
    },
    {
      ...camera,
      name: "libpeer",
      version: "written after the sources of libpeer, on libdatachannel",
      capabilities: mqttCameras.libpeer,
      codecs: "H.264",
      offersWhenCalled: true,
      isAsked: true,
      words: { told: /^closed$/, own: /^closed$/ },
      open: ({ ports }, wishes) => libpeerEnd(ports.mqttTls, wishes),
    },
    {
      ...camera,
      name: "pi-webrtc",
      version: "written after the sources of pi-webrtc, on libwebrtc",
      capabilities: mqttCameras["pi-webrtc"],
      codecs: "fails at H.264",
      data: true,
      onlyAnswers: true,
      words: { told: /^(closed|disconnected|failed)$/, own: /^closed$/ },
      open: ({ ports }, wishes) => piWebrtcEnd(ports.mqtt, wishes),
    },
  ];
}
