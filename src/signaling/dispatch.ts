import { parseAddress } from "../protocol/address.ts";
import { wireError } from "../protocol/error-codes.ts";
import type { Request, RequestOf, SessionRequest } from "../protocol/requests.ts";
import type { Device, Outcome } from "./device.ts";
import type { Elsewhere } from "./elsewhere.ts";
import type { Links } from "./link/links.ts";
import type { Messages } from "./messages.ts";
import { failed } from "./outcome.ts";
import type { Permission } from "./policy.ts";
import { lacksGrant } from "./policy-gate.ts";
import type { Ports } from "./ports.ts";
import type { Presence } from "./presence.ts";
import type { RoomService } from "./room/room-service.ts";
import type { Sessions } from "./session/sessions.ts";
import type { Streams } from "./stream/streams.ts";

/** The parts of a core that requests are for. */
interface Parts {
  readonly ports: Ports;
  readonly links: Links;
  readonly sessions: Sessions;
  readonly presence: Presence;
  readonly streams: Streams;
  readonly rooms: RoomService;
  readonly messages: Messages;
  readonly elsewhere: Elsewhere;
  /** True once the node takes no new calls and streams. */
  draining(): boolean;
  /** Does what is due by now. */
  settle(now: number): void;
}

const done: Outcome = { ok: {} };
const nothingNamed = "users, streams: at least one of them is there";

/** Hands each request of a device to the part of the core whose business it is. */
export class Dispatch {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Carries a request out. Undefined: the outcome comes later, as a reply. `permission`: what the policy has decided about it. */
  perform(device: Device, request: Request, now: number, permission?: Permission): Outcome | undefined {
    this.#parts.ports.emit({ type: "request", request: request.type });
    switch (request.type) {
      case "call":
        return this.#parts.draining()
          ? { error: wireError("temporary") }
          : this.#parts.sessions.setup.call(device, request, now, permission);
      case "watch":
        return this.#watch(device, request, now);
      case "unwatch":
        return this.#unwatch(device, request);
      case "layer":
        return this.#parts.streams.prefer(device, request, now);
      case "publish":
      case "view":
        return this.#parts.draining()
          ? { error: wireError("temporary") }
          : this.#parts.streams.perform(device, request, now);
      case "status":
        device.status = request.status === "" ? undefined : request.status;
        this.#parts.presence.changed(device.user, now);
        this.#parts.elsewhere.changed(device.user);
        return done;
      case "send":
        return this.#parts.messages.send(device, request, now);
      case "join":
        return this.#parts.rooms.perform(
          device,
          permission?.data === undefined ? request : { ...request, data: permission.data },
          now,
        );
      case "leave":
      case "admit":
      case "refuse":
      case "policy":
        return this.#parts.rooms.perform(device, request, now);
      case "push":
        return this.#push(device, request);
      case "refresh":
        this.#refresh(device, request);
        return undefined;
      default:
        return this.#parts.sessions.perform(device, request satisfies SessionRequest, now);
    }
  }

  /** True where there is nothing to decide: no grant covers the request, or its key names a call that was decided before. */
  isSettled(device: Device, request: Request, now: number): boolean {
    if (request.type === "call" && request.key !== undefined) {
      if (this.#parts.sessions.table.keys.get(device.user, request.key, now) !== undefined) return true;
    }
    if (request.type !== "publish" && request.type !== "view") return lacksGrant(device, request);
    const address = parseAddress(request.to);
    return address?.kind !== "stream" || !this.#parts.streams.permits(device, request.type, address.name);
  }

  /** All or none, of users and streams together. */
  #watch(device: Device, { users, streams }: RequestOf<"watch">, now: number): Outcome {
    if (users === undefined && streams === undefined) return failed("bad_request", nothingNamed);
    const refusal = streams && this.#parts.streams.watchRefusal(device, streams);
    if (refusal !== undefined) return refusal;
    const outcome = users === undefined ? done : this.#parts.presence.watch(device, users, now);
    if (streams !== undefined && "ok" in outcome) this.#parts.streams.watches.watch(device, streams, now);
    return outcome;
  }

  /** Until it is replied to, the device's link stays at this node. */
  #push(device: Device, request: RequestOf<"push">): Outcome | undefined {
    const { pushes } = this.#parts.ports;
    if (pushes === undefined) return failed("no_push");
    let over: (() => void) | undefined;
    const outcome = pushes.register(device, request, (late, now) => {
      device.link.reply(request.id, late, now);
      over?.();
      this.#parts.settle(now);
    });
    if (outcome === undefined) over = this.#parts.elsewhere.underWay(device);
    return outcome;
  }

  #unwatch(device: Device, { users, streams }: RequestOf<"unwatch">): Outcome {
    if (users === undefined && streams === undefined) return failed("bad_request", nothingNamed);
    if (users !== undefined) this.#parts.presence.unwatch(device, users);
    if (streams !== undefined) this.#parts.streams.watches.unwatch(device, streams);
    return done;
  }

  #refresh(device: Device, request: RequestOf<"refresh">): void {
    this.#parts.ports.verify(request.token, (result, now) => {
      const reply = (outcome: Outcome) => device.link.reply(request.id, outcome, now);
      if (!result.ok) reply({ error: result.error });
      else if (result.value.user !== device.user || (result.value.device ?? device.id) !== device.id)
        reply({ error: wireError("subject_mismatch") });
      else if (this.#parts.links.stale(result.value, device.id, now))
        reply({ error: wireError("token_expired") });
      else {
        this.#parts.links.renew(device, result.value);
        reply({ ok: { expires: result.value.expires - now } });
        this.#parts.presence.recheck(device);
        this.#parts.streams.recheck(device, now);
        this.#parts.rooms.recheck(device, now);
      }
      this.#parts.settle(now);
    });
  }
}
