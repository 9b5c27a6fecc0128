import { Type } from "typebox";
import type { ApiPush } from "../api/context.ts";
import { now, wallAhead } from "../net/clock.ts";
import type { PushSubscription } from "../protocol/values.ts";
import {
  type PushRegistration,
  type PushTarget,
  Registration,
  subscriptionFault,
} from "../push/registration.ts";
import { wakeTicket } from "../push/wake-ticket.ts";
import { Wakes } from "../push/wakes.ts";
import { newVapidKeys, pushRequest, type VapidKeys } from "../push/web-push.ts";
import type { Outcome } from "../signaling/device.ts";
import { failed } from "../signaling/outcome.ts";
import type { PushRegistry } from "../signaling/ports.ts";
import { outboundSender } from "./outbound.ts";
import { keptRegistrations } from "./push-file.ts";
import type { CoreContext, Part, Service } from "./service.ts";
import { readState, stateFolder, writeState } from "./state-folder.ts";

const vapidFile = "vapid-keys.json";
/** The longest `application` value, bytes of JSON. */
const mostData = 2_048;
/** Registrations of a user that another node is told of. */
const registeredElsewhere = {
  name: "push.registrations",
  argument: Type.Object({ user: Type.String() }),
  answer: Type.Object({ registrations: Type.Array(Registration) }),
};
/** Each node forgets what it has of the device: a registration made up to that time, Unix ms, or any. */
const forget = {
  name: "push.forget",
  argument: Type.Object({ user: Type.String(), device: Type.String(), upTo: Type.Optional(Type.Number()) }),
  answer: Type.Object({}),
};

/** Wakes devices that are called and not connected: by Web Push, and by the application. */
export const push: Part = {
  start: async (context) => (context.settings.push.enabled ? start(context) : undefined),
};

function start(context: CoreContext): Service {
  const { settings, core, log } = context;
  const { allow, days, perUser, registrations: all } = settings.push;
  const wall = (): number => now() + wallAhead();
  const folder = stateFolder(settings.stateFolder);
  const registrations = keptRegistrations(folder, { perUser, all, life: days * 86_400_000 }, wall, (error) =>
    log.error({ err: error }, "push registrations can't be kept in the state folder: a restart forgets them"),
  );
  const vapid = vapidKeys(context, folder);
  const sender = outboundSender(allow, settings.dev);
  core.survey.answers(registeredElsewhere, ({ user }) => ({ registrations: registrations.of(user, wall()) }));
  core.survey.answers(forget, ({ user, device, upTo = Number.POSITIVE_INFINITY }) => {
    const known = registrations.get(user, device, wall());
    if (known !== undefined && known.at <= upTo) registrations.remove(user, device);
    return {};
  });
  // A device may have registered at any node, and its registrations there would go on waking it.
  const forgetElsewhere = (user: string, device: string, upTo?: number): void => {
    void core.survey.ask(forget, { user, device, ...(upTo !== undefined && { upTo }) }, { others: true });
  };
  const remove = (user: string, device: string): boolean => {
    forgetElsewhere(user, device);
    return registrations.remove(user, device);
  };
  const { seal } = core.core.ports;
  const counts = { sent: 0, failed: 0 };
  const wakes = new Wakes({
    now,
    registered: async (user) => {
      const { answers } = await core.survey.ask(registeredElsewhere, { user });
      return newest([...answers.values()].flatMap((answer) => answer.registrations));
    },
    ticket: (registration, life) => wakeTicket(registration, wall(), life, seal),
    push: async (subscription, message, life) => {
      if (vapid === undefined) return { ok: false, failure: "the setting push.subject is empty" };
      let request: ReturnType<typeof pushRequest>;
      try {
        request = pushRequest(subscription, message, life, vapid);
      } catch (error) {
        return { ok: false, failure: (error as Error).message.slice(0, 200), gone: true };
      }
      const attempt = await sender.post(request.url, request.headers, request.body);
      if (attempt.ok) return attempt;
      const { failure } = attempt;
      return { ok: false, failure, gone: failure === "404" || failure === "410" };
    },
    needed: ({ user, device, target }, { session, from }, { left, ticket }) =>
      context.events()?.wake("wake.needed", {
        ...{ session, user, device, caller: from, left, ticket },
        ...(target.kind === "application" && target.data !== undefined && { data: target.data }),
      }),
    attempted: ({ session, user, device, kind, outcome, took }) => {
      counts[outcome.ok ? "sent" : "failed"] += 1;
      context.records()?.note(session, {
        ...{ from: "server", to: "push", type: kind === "web" ? "web push" : "wake.needed" },
        outcome: outcome.ok ? "ok" : outcome.failure,
        note: `${user}/${device}, ${Math.round(took)} ms`,
      });
      if (!outcome.ok)
        context.events()?.wake("wake.failed", { session, user, device, failure: outcome.failure });
    },
    gone: ({ user, device, at: upTo }) => void core.survey.ask(forget, { user, device, upTo }),
  });
  const key = vapid?.publicKey;
  const put = (
    { user, device, grants, guest }: Pick<PushRegistration, "user" | "device" | "grants" | "guest">,
    { webPush, application }: { readonly webPush?: PushSubscription; readonly application?: unknown },
  ): Outcome | undefined => {
    const refusal = webPush === undefined ? refusalOfData(application, context) : refusalOf(webPush, key);
    if (refusal !== undefined) return refusal;
    const target: PushTarget =
      webPush === undefined
        ? { kind: "application", data: application }
        : { kind: "web", subscription: bare(webPush) };
    const at = wall();
    if (!registrations.put({ user, device, target, grants, guest, at }))
      return failed("temporary", "This server keeps no more registrations.");
    forgetElsewhere(user, device, at);
    return undefined;
  };
  const registered = (kept: PushRegistration | undefined): Outcome => ({
    ok: { ...(kept && { registered: kindOf(kept) }), ...(key !== undefined && { key }) },
  });
  const registry: PushRegistry & ApiPush = {
    register: ({ user, id, grants, guest }, request, later) => {
      const { webPush, application, off } = request;
      if (Number(webPush !== undefined) + Number(application !== undefined) + Number(off === true) > 1)
        return failed("bad_request", "webPush, application, off: one of them at most");
      if (off === true) remove(user, id);
      const refusal =
        webPush === undefined && application === undefined
          ? undefined
          : put({ user, device: id, grants, guest }, request);
      if (refusal !== undefined) return refusal;
      const kept = registrations.get(user, id, wall());
      if (kept !== undefined || off === true || core.survey.others.length === 0) return registered(kept);
      // It only asks, and may have registered at another node.
      void core.survey.ask(registeredElsewhere, { user }, { others: true }).then(({ answers }) => {
        const theirs = newest([...answers.values()].flatMap((answer) => answer.registrations));
        later(registered(theirs.find(({ device }) => device === id)), now());
      });
      return undefined;
    },
    list: (user) =>
      registrations
        .of(user, wall())
        .map((one) => ({ user, device: one.device, kind: kindOf(one), at: one.at })),
    put: (user, device, target) => put({ user, device, grants: {}, guest: false }, target) ?? { ok: {} },
    remove,
    wake: (question, done) => {
      wakes.wake(question).then(
        (waits) => done(waits, now()),
        (error: unknown) => {
          context.fault("push", error);
          done(false, now());
        },
      );
    },
  };
  return {
    pushes: registry,
    revoke: (name) => {
      const [user = "", device] = name.split("/");
      if (device === undefined) registrations.removeUser(user);
      else registrations.remove(user, device);
    },
    metrics: (metrics) => {
      metrics.gauge("push_registrations", "Devices that can be woken.", [], (set) => set(registrations.size));
      metrics.counter("pushes_total", "Attempts to wake a device, by outcome.", ["outcome"], (set) => {
        for (const [outcome, count] of Object.entries(counts)) set(count, { outcome });
      });
    },
    stop: async () => sender.stop(),
  };
}

function kindOf({ target }: PushRegistration): "webPush" | "application" {
  return target.kind === "web" ? "webPush" : "application";
}

function refusalOf(subscription: PushSubscription, key: string | undefined): Outcome | undefined {
  if (key === undefined)
    return failed("no_push", "This server sends no Web Push: its push.subject is empty.");
  const fault = subscriptionFault(subscription);
  return fault === undefined ? undefined : failed("bad_request", fault);
}

function refusalOfData(data: unknown, context: CoreContext): Outcome | undefined {
  if (context.events() === undefined)
    return failed("no_push", "Nobody hears of wake.needed: this server has neither records nor webhooks.");
  const bytes = Buffer.byteLength(JSON.stringify(data));
  return bytes <= mostData ? undefined : failed("too_large", `application: ${mostData} bytes at most`);
}

/** What is needed of it. */
function bare({ endpoint, keys: { p256dh, auth } }: PushSubscription): PushSubscription {
  return { endpoint, keys: { p256dh, auth } };
}

/** Of several nodes' registrations of one device the newest. */
function newest(registrations: readonly PushRegistration[]): PushRegistration[] {
  const byDevice = new Map<string, PushRegistration>();
  for (const one of registrations) {
    const known = byDevice.get(one.device);
    if (known === undefined || known.at < one.at) byDevice.set(one.device, one);
  }
  return [...byDevice.values()];
}

/** The configured key pair, or the one that the state folder keeps; undefined without a subject. */
function vapidKeys({ settings, log }: CoreContext, folder: string): VapidKeys | undefined {
  const { publicKey, privateKey } = settings.push;
  const subject = settings.push.subject || (settings.dev ? "mailto:nobody@localhost" : "");
  if (subject === "") return undefined;
  if (publicKey !== "") return { publicKey, privateKey, subject };
  try {
    return { ...keptPair(folder), subject };
  } catch (error) {
    log.error(
      { err: error },
      "the VAPID keys can't be kept in the state folder: a restart ends all subscriptions",
    );
    return { ...newVapidKeys(), subject };
  }
}

/** Made the first time. Throws where the file is no key pair, or can't be written. */
function keptPair(folder: string): Pick<VapidKeys, "publicKey" | "privateKey"> {
  const text = readState(folder, vapidFile);
  if (text === undefined) {
    const made = newVapidKeys();
    writeState(folder, vapidFile, `${JSON.stringify(made)}\n`);
    return made;
  }
  const kept: unknown = JSON.parse(text);
  if (!isKeyPair(kept)) throw new Error(`${vapidFile} is no key pair`);
  return kept;
}

function isKeyPair(value: unknown): value is { readonly publicKey: string; readonly privateKey: string } {
  if (typeof value !== "object" || value === null) return false;
  const { publicKey, privateKey } = value as Record<string, unknown>;
  return typeof publicKey === "string" && typeof privateKey === "string";
}
