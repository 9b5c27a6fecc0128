import { overLimit, type WireError, wireError } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { Deadline, Deadlines } from "../../shared/deadlines.ts";
import type { Device } from "../device.ts";
import type { StreamState } from "./stream-host.ts";

/** Streams told to one device at a time. */
const batch = 128;

export interface StreamWatchesOptions {
  readonly limits: Pick<Limits, "watches" | "presenceInterval" | "streamInterval">;
  readonly deadlines: Deadlines;
  readonly stream: (name: string) => StreamState | undefined;
  readonly mayWatch: (device: Device, name: string) => boolean;
}

/**
 * Who watches which streams. A watcher hears the state of each watched stream once after `watch`, and after changes: that it
 * goes live, ends or has other layers at most every `presenceInterval`; mere numbers (viewers, bitrates) at most every
 * `streamInterval`. Every push is a deadline, and none is due while the device's link is suspended.
 */
export class StreamWatches {
  readonly #options: StreamWatchesOptions;
  readonly #watchers = new Map<Device, Watcher>();
  /** Stream → who watches it, and the shape that was told last. */
  readonly #watched = new Map<string, { readonly watchers: Set<Watcher>; shape: string }>();

  constructor(options: StreamWatchesOptions) {
    this.#options = options;
  }

  /** Devices that watch a stream. */
  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** Why the device may not watch all of these: one without a grant makes it `forbidden`, whether the stream exists or not. */
  refusal(device: Device, names: readonly string[]): WireError | undefined {
    const { mayWatch, limits } = this.#options;
    if (!names.every((name) => mayWatch(device, name))) return wireError("forbidden");
    const all = new Set([...(this.#watchers.get(device)?.streams ?? []), ...names]);
    return all.size > limits.watches ? overLimit("watches", "too_many_watches") : undefined;
  }

  /** Watches these streams from now on; {@link refusal} must have been asked. One that is watched already is told again. */
  watch(device: Device, names: readonly string[], now: number): void {
    const watcher = this.#watchers.get(device) ?? new Watcher(device);
    this.#watchers.set(device, watcher);
    for (const name of names) {
      watcher.streams.add(name);
      watcher.prompt.add(name);
      const watched = this.#watched.get(name);
      if (watched !== undefined) watched.watchers.add(watcher);
      else this.#watched.set(name, { watchers: new Set([watcher]), shape: this.#shape(name) });
    }
    this.#schedule(watcher, now);
  }

  unwatch(device: Device, names: readonly string[]): void {
    const watcher = this.#watchers.get(device);
    if (watcher !== undefined) for (const name of names) this.#forget(watcher, name);
  }

  /** The stream is live or not, or has other viewers or layers. */
  changed(name: string, now: number): void {
    const watched = this.#watched.get(name);
    if (watched === undefined) return;
    const shape = this.#shape(name);
    const prompt = shape !== watched.shape;
    watched.shape = shape;
    for (const watcher of watched.watchers) {
      (prompt ? watcher.prompt : watcher.slow).add(name);
      this.#schedule(watcher, now);
    }
  }

  /** What the device watches, for its next node. */
  watchesOf(device: Device): string[] {
    return [...(this.#watchers.get(device)?.streams ?? [])];
  }

  /** The device's link is live again. */
  resumed(device: Device, now: number): void {
    const watcher = this.#watchers.get(device);
    if (watcher !== undefined) this.#schedule(watcher, now);
  }

  /** The device's link is closed: its watches end. */
  dropped(device: Device): void {
    this.unwatch(device, this.watchesOf(device));
  }

  /** The device's grants are others: watches that they no longer cover end, silently. */
  recheck(device: Device): void {
    const { mayWatch } = this.#options;
    this.unwatch(
      device,
      this.watchesOf(device).filter((name) => !mayWatch(device, name)),
    );
  }

  #forget(watcher: Watcher, name: string): void {
    if (!watcher.streams.delete(name)) return;
    watcher.prompt.delete(name);
    watcher.slow.delete(name);
    const watched = this.#watched.get(name);
    watched?.watchers.delete(watcher);
    if (watched?.watchers.size === 0) this.#watched.delete(name);
    if (watcher.streams.size > 0) return;
    watcher.deadline?.cancel();
    this.#watchers.delete(watcher.device);
  }

  #schedule(watcher: Watcher, now: number): void {
    const { limits, deadlines } = this.#options;
    const { prompt, slow, toldAt } = watcher;
    if (prompt.size + slow.size === 0) return;
    const pause = prompt.size > 0 ? limits.presenceInterval : limits.streamInterval;
    const at = Math.max(now, toldAt + pause);
    if (watcher.deadline !== undefined && watcher.deadline.at <= at) return;
    watcher.deadline?.cancel();
    watcher.deadline = deadlines.add(at, (then) => {
      watcher.deadline = undefined;
      if (watcher.device.link.state === "live") this.#tell(watcher, then);
    });
  }

  #tell(watcher: Watcher, now: number): void {
    watcher.toldAt = now;
    const { prompt, slow, device } = watcher;
    for (const name of [...prompt, ...slow].slice(0, batch)) {
      if (!prompt.delete(name) && !slow.has(name)) continue;
      slow.delete(name);
      const { live, viewers, layers } = this.#options.stream(name) ?? nothing;
      device.link.deliver({ type: "stream", name, live, viewers, layers: [...layers] }, now);
    }
    this.#schedule(watcher, now);
  }

  /** What is told promptly when it changes. */
  #shape(name: string): string {
    const { live, layers } = this.#options.stream(name) ?? nothing;
    return JSON.stringify([live, layers.map(({ rid, width, height }) => [rid, width, height])]);
  }
}

const nothing: StreamState = { live: false, viewers: 0, layers: [] };

class Watcher {
  readonly device: Device;
  readonly streams = new Set<string>();
  /** Streams whose newest state the device has not heard: those that it hears soon, and those that can wait. */
  readonly prompt = new Set<string>();
  readonly slow = new Set<string>();
  toldAt = Number.NEGATIVE_INFINITY;
  deadline: Deadline | undefined;

  constructor(device: Device) {
    this.device = device;
  }
}
