import type { LayerWish, Viewing, ViewingStats, ViewOptions } from "./stream-api.ts";
import { type StreamClient, StreamEnd } from "./stream-end.ts";

/** A stream that this device views. */
export class ViewedStream extends StreamEnd implements Viewing {
  protected readonly request = "view";
  readonly remote: MediaStream;
  readonly #options: ViewOptions;
  #wish: LayerWish = {};

  constructor(client: StreamClient, name: string, options: ViewOptions) {
    super(client, name, options.signal);
    this.#options = options;
    this.remote = client.newStream();
    void this.connect();
  }

  protected override told(live: boolean): void {
    if (live && this.session === undefined) void this.connect();
  }

  protected prepare(pc: RTCPeerConnection): void {
    const { audio = true, video = true } = this.#options;
    for (const track of this.remote.getTracks()) this.remote.removeTrack(track);
    pc.addEventListener("track", ({ track }) => {
      this.remote.addTrack(track);
      this.changed();
    });
    if (audio) pc.addTransceiver("audio", { direction: "recvonly" });
    if (video) takeDescriptor(pc.addTransceiver("video", { direction: "recvonly" }));
    pc.addEventListener("connectionstatechange", () => {
      if (pc.connectionState === "connected" && Object.keys(this.#wish).length > 0)
        void this.prefer(this.#wish);
    });
  }

  async prefer(wish: LayerWish): Promise<void> {
    this.#wish = wish;
    const { session } = this;
    if (session !== undefined) await this.client.ask("layer", { ...wish, session });
  }

  async stats(): Promise<ViewingStats> {
    let stats: ViewingStats = {};
    for (const report of (await this.pc?.getStats())?.values() ?? []) {
      if (report.type === "inbound-rtp" && report.kind === "video") {
        const {
          frameHeight: height,
          framesPerSecond,
          jitterBufferDelay = 0,
          jitterBufferEmittedCount = 0,
        } = report;
        const buffered =
          jitterBufferEmittedCount > 0 ? (jitterBufferDelay / jitterBufferEmittedCount) * 1_000 : undefined;
        const { packetsLost: lost = 0, packetsReceived: received = 0 } = report;
        stats = { ...stats, height, framesPerSecond, buffered, loss: lost / Math.max(1, lost + received) };
      }
      if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime !== undefined)
        stats = { ...stats, rtt: report.currentRoundTripTime * 1_000 };
    }
    return stats;
  }
}

/** Asks for the header extension that tells the layers of AV1 apart, which Chromium doesn't ask for by itself. */
function takeDescriptor(transceiver: RTCRtpTransceiver): void {
  const { getHeaderExtensionsToNegotiate: get, setHeaderExtensionsToNegotiate: set } =
    transceiver as Extensible;
  const all = get?.call(transceiver) ?? [];
  const wanted = all.find(({ uri }) => uri.endsWith("#dependency-descriptor-rtp-header-extension"));
  if (!wanted) return;
  wanted.direction = "sendrecv";
  set?.call(transceiver, all);
}

/** Of a browser's transceiver (W3C WebRTC Extensions §5.3). */
interface Extensible extends RTCRtpTransceiver {
  getHeaderExtensionsToNegotiate?(): { uri: string; direction: string }[];
  setHeaderExtensionsToNegotiate?(extensions: readonly { uri: string; direction: string }[]): void;
}
