import { type Static, Type } from "typebox";
import { authSettings, checkAuth } from "../auth/settings.ts";
import { checkNats, natsSettings } from "../backplane/settings.ts";
import { checkMqtt, mqttSettings } from "../gateways/mqtt/settings.ts";
import { checkPeerjs, peerjsSettings } from "../gateways/peerjs/settings.ts";
import { sipSettings } from "../gateways/sip/settings.ts";
import { checkXmpp, xmppSettings } from "../gateways/xmpp/settings.ts";
import { checkHooks, hooksSettings } from "../hooks/settings.ts";
import { httpSettings } from "../http/settings.ts";
import { checkMedia, mediaSettings } from "../media/settings.ts";
import { checkListen, listenSettings } from "../net/settings.ts";
import { checkPush, pushSettings } from "../push/settings.ts";
import { recordSettings } from "../records/settings.ts";
import { milliseconds } from "../shared/setting.ts";
import { checkCore, coreSettings, limitSettings } from "../signaling/settings.ts";
import { logSettings } from "../telemetry/settings.ts";
import { accessSettings, checkAccess } from "../transports/settings.ts";
import { checkTurn, turnSettings } from "../turn/settings.ts";
import { checkWebhooks, webhookSettings } from "../webhooks/settings.ts";

/** Settings of the process, and of no part of it. */
const processSettings = {
  workers: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 64,
    description:
      "Processes that serve the port together, each a node of the cluster: docs/cluster.md. Linux only.",
  }),
  drain: milliseconds(30_000, "How long SIGTERM lets devices go elsewhere before the process ends."),
};

/**
 * Every setting of the server, with its default and what it is for: the one source of the flags, the environment
 * variables, the file, `switchboard.example.json` and `docs/config.md`. Each part's stand in its own `settings.ts`. Times are
 * ms, sizes bytes.
 */
export const Settings = Type.Object({
  ...listenSettings,
  ...coreSettings,
  ...authSettings,
  ...accessSettings,
  ...hooksSettings,
  ...processSettings,
  ...turnSettings,
  ...sipSettings,
  ...peerjsSettings,
  ...mqttSettings,
  ...xmppSettings,
  ...mediaSettings,
  ...natsSettings,
  ...httpSettings,
  ...recordSettings,
  ...webhookSettings,
  ...pushSettings,
  ...logSettings,
  ...limitSettings,
});

/** The settings of a server, all of them, checked. */
export type Settings = Static<typeof Settings>;

/** What no schema can say: each answers one line about the first setting that makes no sense, or undefined. */
export const checks: readonly ((settings: Settings) => string | undefined)[] = [
  checkAuth,
  checkListen,
  checkTurn,
  checkMedia,
  checkPeerjs,
  checkMqtt,
  checkXmpp,
  checkAccess,
  checkHooks,
  checkCore,
  checkNats,
  checkWebhooks,
  checkPush,
];

/** Settings as one writes them: what is absent has its default. */
export type SettingsInput = {
  readonly [name in keyof Settings]?: Settings[name] extends readonly unknown[]
    ? Settings[name]
    : Partial<Settings[name]>;
};
