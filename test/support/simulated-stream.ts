import type { ForwardOptions, GatheredPackets } from "../../src/media/forward/ports.ts";
import { Stream } from "../../src/media/forward/stream.ts";
import type { OpenedRtp } from "../../src/wire/srtp/receiver.ts";
import {
  type PublisherOptions,
  SimulatedPublisher,
  SimulatedViewer,
  threeLayers,
} from "./simulated-media.ts";

export const oneLayer = threeLayers.slice(1, 2);

/** A stream with a publisher, 30 frames and 50 packets of sound a second. */
export class SimulatedStream {
  readonly stream: Stream;
  publisher: SimulatedPublisher;
  readonly viewers: SimulatedViewer[] = [];
  /** What the network does with a packet of the publisher: undefined loses it, otherwise its delay in ms. */
  network: (packet: OpenedRtp) => number | undefined = () => 0;
  readonly #underway: { at: number; packet: OpenedRtp }[] = [];
  /** What waits to be given to viewers, where the stream gathers: at the end of each 10 ms the next viewer gets it, and each 20 ms all others. */
  readonly #gathered = new Set<GatheredPackets>();
  now = 0;

  constructor(publisher: PublisherOptions = {}, options: Partial<ForwardOptions> = {}, gathers = false) {
    const gather = (packets: GatheredPackets) => void this.#gathered.add(packets);
    this.stream = new Stream(gathers ? { ...options, gather } : options);
    this.publisher = new SimulatedPublisher(publisher);
    this.publish(this.publisher);
  }

  publish(publisher: SimulatedPublisher): void {
    this.publisher = publisher;
    this.#underway.length = 0;
    publisher.deliver = (packet, now) => this.#carry(packet, now);
    this.stream.setPublisher(publisher.tracks, publisher.sender, this.now);
  }

  join(viewer = new SimulatedViewer()) {
    this.viewers.push(viewer);
    viewer.now = this.now;
    return { viewer, leg: this.stream.addViewer(viewer.tracks, viewer.sender, this.now) };
  }

  /** Lets time pass. `each`: at every 10 ms. */
  run(ms: number, each?: () => void): void {
    for (const end = this.now + ms; this.now < end; this.now += 10) {
      for (const viewer of this.viewers) viewer.now = this.now;
      if (this.now % 1_000 === 0) this.stream.publisherRtcp(this.publisher.report(this.now), this.now);
      if (this.now % 30 === 0) this.publisher.frame(this.now);
      if (this.now % 20 === 0) this.publisher.audio(this.now);
      each?.();
      this.#arrive();
      this.#give();
      this.stream.tick(this.now);
    }
  }

  #give(): void {
    for (const packets of this.#gathered) {
      let done = packets.flush(this.now, 1);
      while (!done && this.now % 20 === 0) done = packets.flush(this.now, 1);
      if (done) this.#gathered.delete(packets);
    }
  }

  #carry(packet: OpenedRtp, now: number): void {
    const delay = this.network(packet);
    if (delay === 0) this.stream.publisherRtp(packet, now);
    else if (delay !== undefined) this.#underway.push({ at: now + delay, packet });
  }

  #arrive(): void {
    const arrived = this.#underway.filter(({ at }) => at <= this.now).sort((one, other) => one.at - other.at);
    for (const one of arrived) {
      this.#underway.splice(this.#underway.indexOf(one), 1);
      this.stream.publisherRtp(one.packet, this.now);
    }
  }
}
