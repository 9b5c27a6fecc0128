import type { LinkEnd } from "../../../signaling/device.ts";
import type { Identity } from "../../../signaling/ports.ts";
import type { Session } from "../session.ts";
import { type TopicDevice, treeOf } from "../topics.ts";
import { Camera, cameraCapabilities } from "./camera.ts";
import type { CameraContext } from "./camera-context.ts";
import { type CameraFilter, type CameraTopic, cameraFilter } from "./camera-topics.ts";

/** How long a camera in a call may be away before it is gone. ms */
const graceTimeout = 30_000;

/** A client of the endpoint, to whom a camera may belong. */
export interface CameraClient {
  readonly session: Session;
  readonly device: TopicDevice;
  readonly identity: Identity;
}

/**
 * The unmodified cameras of the endpoint: a client that subscribes to what libpeer or pi-webrtc subscribe to is one. It is a device of the
 * core like every other, for as long as its client is connected.
 */
export class Cameras {
  readonly #context: CameraContext;
  /** By the tree of the device. */
  readonly #cameras = new Map<string, Camera>();

  constructor(context: CameraContext) {
    this.#context = context;
  }

  get calls(): number {
    let count = 0;
    for (const camera of this.#cameras.values()) count += camera.calls;
    return count;
  }

  /** A client has subscribed. Where the filter is a camera's, the client is one, and takes the place of an earlier client of the device. */
  subscribed(client: CameraClient, filter: string, now: number): void {
    const found = cameraFilter(filter, client.device);
    if (found === undefined) return;
    const path = treeOf(client.device);
    const known = this.#cameras.get(path);
    if (known !== undefined && (known.filter.kind !== found.kind || known.filter.base !== found.base))
      this.#remove(known, "replaced", now);
    const camera = this.#cameras.get(path) ?? this.#attach(client, found, path, now);
    if (camera === undefined) return;
    camera.session = client.session;
    camera.grace?.cancel();
    camera.grace = undefined;
    const { identity } = client;
    if (camera.device !== undefined) camera.device.grants = identity.grants;
    camera.expiry?.cancel();
    // A secret holds until it is taken away.
    camera.expiry =
      identity.undated === true
        ? undefined
        : this.#context.after(identity.expires - now, now, (later) => this.#remove(camera, "expired", later));
    if (camera.state !== "suspended") return;
    camera.state = "live";
    if (camera.device !== undefined) this.#context.core.resume(camera.device, now);
  }

  /** A client has unsubscribed from what made it a camera: it leaves. */
  unsubscribed({ session, device }: CameraClient, filter: string, now: number): void {
    const camera = this.#cameras.get(treeOf(device));
    const found = cameraFilter(filter, device);
    if (found?.kind === "libpeer" && camera?.session === session) this.#remove(camera, "client", now);
  }

  /** A client of the device has published on a topic of cameras. */
  heard({ device }: CameraClient, topic: CameraTopic, text: string, now: number): void {
    const camera = this.#cameras.get(treeOf(device));
    // A bell is not the camera, and may write its topics in another way.
    if (camera === undefined || (topic.kind !== "doorbell" && camera.filter.base !== topic.base)) return;
    camera.heard(topic, text, now);
  }

  /** The client's connection is gone. Without a call so is the camera. */
  left(session: Session, device: TopicDevice, now: number): void {
    const camera = this.#cameras.get(treeOf(device));
    if (camera === undefined || camera.session !== session) return;
    camera.session = undefined;
    if (camera.calls === 0) {
      this.#remove(camera, "client", now);
      return;
    }
    // Its media goes on without the broker.
    camera.state = "suspended";
    if (camera.device !== undefined) this.#context.core.suspend(camera.device, now);
    camera.grace = this.#context.after(graceTimeout, now, (later) => this.#remove(camera, "expired", later));
  }

  #attach(
    { device: address, identity }: CameraClient,
    filter: CameraFilter,
    path: string,
    now: number,
  ): Camera | undefined {
    const camera = new Camera(this.#context, address, filter, (one, later) =>
      this.#remove(one, "kicked", later),
    );
    const attached = this.#context.core.attach(
      {
        user: address.user,
        id: address.device,
        kind: "camera",
        name: undefined,
        capabilities: cameraCapabilities[filter.kind],
        link: camera,
        grants: identity.grants,
      },
      now,
      (device) => camera.attached(device),
    );
    // The device is signed in by other means, or there are too many.
    if (!attached.ok) return undefined;
    this.#cameras.set(path, camera);
    return camera;
  }

  #remove(camera: Camera, why: LinkEnd, now: number): void {
    const path = treeOf(camera.address);
    if (this.#cameras.get(path) !== camera) return;
    this.#cameras.delete(path);
    camera.grace?.cancel();
    camera.expiry?.cancel();
    camera.hangUp(now);
    camera.state = "closed";
    if (camera.device !== undefined) this.#context.core.detach(camera.device, why, now);
  }
}
