import type { CloseName } from "../../../protocol/close-codes.ts";
import type { PushBody, PushOf } from "../../../protocol/pushes.ts";
import type { RequestOf, RequestType } from "../../../protocol/requests.ts";
import type { Capabilities } from "../../../protocol/values.ts";
import type { Deadline } from "../../../shared/deadlines.ts";
import type { Device, DeviceLink, Outcome } from "../../../signaling/device.ts";
import { LinkRequests } from "../../link-requests.ts";
import type { Session } from "../session.ts";
import type { TopicDevice } from "../topics.ts";
import type { CameraCall, CameraContext, CameraPorts } from "./camera-context.ts";
import type { CameraFilter, CameraTopic } from "./camera-topics.ts";
import { LibpeerCall } from "./libpeer-call.ts";
import { PiWebrtcCall } from "./pi-webrtc-call.ts";
import { Rpc } from "./rpc.ts";

const common = { ringing: false, hangup: false, reports: false } as const;

/** What may be asked of cameras. */
export const cameraCapabilities = {
  libpeer: {
    ...common,
    trickle: false,
    sdpRole: "offer-only",
    renegotiation: "none",
    iceRestart: false,
    maxSessions: 1,
    maxCandidates: 10,
    refusals: true,
  },
  "pi-webrtc": { ...common, maxSessions: 16 },
} as const satisfies Record<string, Capabilities>;

/** A camera that is there: the core's link to it, and its calls. */
export class Camera implements DeviceLink, CameraPorts {
  readonly id: string;
  readonly context: CameraContext;
  readonly address: TopicDevice;
  readonly filter: CameraFilter;
  state: "live" | "suspended" | "closed" = "live";
  /** The client that subscribes to its topics. */
  session: Session | undefined;
  /** When it may be away no longer, and when its token ends. */
  grace: Deadline | undefined;
  expiry: Deadline | undefined;
  readonly #requests: LinkRequests;
  readonly #rpc: Rpc;
  readonly #calls = new Set<CameraCall>();
  readonly #bySession = new Map<string, CameraCall>();
  readonly #byClient = new Map<string, PiWebrtcCall>();
  readonly #shut: (camera: Camera, now: number) => void;

  constructor(
    context: CameraContext,
    address: TopicDevice,
    filter: CameraFilter,
    shut: (camera: Camera, now: number) => void,
  ) {
    this.id = `cam_${context.core.ports.random(9)}`;
    this.context = context;
    this.address = address;
    this.filter = filter;
    this.#shut = shut;
    this.#requests = new LinkRequests(context);
    this.#rpc = new Rpc({ send: (text) => this.send("invoke", text), after: context.after });
  }

  get device(): Device | undefined {
    return this.#requests.device;
  }

  get calls(): number {
    return this.#calls.size;
  }

  attached(device: Device): void {
    this.#requests.attached(device);
  }

  /** The camera, or something beside it, published. */
  heard(topic: CameraTopic, text: string, now: number): void {
    if (topic.kind === "doorbell") this.#ring(text, now);
    else if (topic.kind === "libpeer") for (const call of [...this.#calls]) call.heard("result", text, now);
    else this.#byClient.get(topic.client)?.heard(topic.word, text, now);
  }

  /** The doorbell: the camera calls whom the message names, or else the other devices of its own user. */
  #ring(text: string, now: number): void {
    if (this.#calls.size >= cameraCapabilities[this.filter.kind].maxSessions || this.state !== "live") return;
    const to = text.trim() || this.address.user;
    this.#made(true).call(to, now);
  }

  #rung(incoming: Omit<PushOf<"incoming">, "seq">, now: number): void {
    const { session, to, movedFrom } = incoming;
    const { user } = this.address;
    // It answers by itself: who calls the camera's user means a person, where there is another device.
    const isMeant = to.includes("/") || this.context.core.devicesOf(user) === 1;
    if (!isMeant || movedFrom !== undefined || this.state !== "live") {
      this.ask("decline", { session, reason: "incompatible", automatic: true }, now);
      return;
    }
    this.#made(false).ring(incoming, now);
  }

  #made(calls: boolean): LibpeerCall | PiWebrtcCall {
    const call =
      this.filter.kind === "libpeer"
        ? new LibpeerCall(this, this.#rpc, calls)
        : new PiWebrtcCall(this, this.context.core.ports.random(9), calls);
    this.#calls.add(call);
    if (call instanceof PiWebrtcCall) this.#byClient.set(call.client, call);
    return call;
  }

  /** Ends its calls. */
  hangUp(now: number): void {
    for (const call of [...this.#calls]) call.hangUp(now);
  }

  // For calls

  send(topic: string, text: string): void {
    this.session?.sendText(`${this.filter.base}/${topic}`, text);
  }

  known(call: CameraCall): void {
    this.#bySession.set(call.session, call);
  }

  over(call: CameraCall): void {
    this.#calls.delete(call);
    this.#bySession.delete(call.session);
    if (call instanceof PiWebrtcCall) this.#byClient.delete(call.client);
  }

  ask<T extends RequestType>(
    type: T,
    fields: Omit<RequestOf<T>, "id" | "type">,
    now: number,
    done?: (outcome: Outcome, now: number) => void,
  ): void {
    if (this.state !== "closed") this.#requests.ask(type, fields, now, done);
  }

  // The core

  deliver(push: PushBody, now: number): void {
    if (this.device !== undefined) this.context.core.ports.observer?.push(this.device, push, now);
    this.#requests.afterwards(now, (later) => {
      if (push.type === "incoming") this.#rung(push, later);
      else if ("session" in push && typeof push.session === "string")
        this.#bySession.get(push.session)?.push(push, later);
    });
  }

  reply(id: number, outcome: Outcome, now: number): void {
    if (this.device !== undefined) this.context.core.ports.observer?.reply(this.device, id, outcome, now);
    this.#requests.reply(id, outcome, now);
  }

  close(_why: CloseName, now: number): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.context.after(0, now, (later) => this.#shut(this, later));
  }
}
