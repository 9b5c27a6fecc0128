import type { SourceMedia } from "./local-media.ts";
import type { Broadcast, BroadcastStats, PublishOptions } from "./stream-api.ts";
import { type StreamClient, StreamEnd } from "./stream-end.ts";

/** Simulcast: the largest layer last. Rates in bit/s. */
const simulcastLayers = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", maxBitrate: 2_500_000 },
] as const;
/** Pixels that a picture has at least for two layers, and for three: with fewer, browsers leave out the largest layer. */
const pixelsForLayers = [480 * 270, 960 * 540] as const;

/** A stream that this device publishes. */
export class PublishedStream extends StreamEnd implements Broadcast {
  protected readonly request = "publish";
  media: SourceMedia | undefined;
  readonly #owned: boolean;
  readonly #options: PublishOptions;
  /** What each layer had sent when it was last looked at. */
  #sent: ReadonlyMap<string, { readonly bytes: number; readonly at: number }> = new Map();
  #unfollow: (() => void) | undefined;

  constructor(
    client: StreamClient,
    name: string,
    options: PublishOptions,
    { media, owned }: { readonly media: SourceMedia | undefined; readonly owned: boolean },
  ) {
    super(client, name, options.signal);
    this.#options = options;
    this.media = media;
    this.#owned = owned;
    this.#unfollow = media?.on("change", () => this.#replace());
    void this.connect();
  }

  protected prepare(pc: RTCPeerConnection): void {
    const { simulcast = false, codecs = [] } = this.#options;
    for (const kind of ["audio", "video"] as const) {
      const track = this.media?.track(kind);
      if (!track) continue;
      const encodings = simulcast && kind === "video" ? { sendEncodings: layersFor(track) } : {};
      const transceiver = pc.addTransceiver(track, { direction: "sendonly", ...encodings });
      if (kind === "video" && codecs.length > 0) prefer(transceiver, codecs);
    }
  }

  /** Sends the tracks that the media has now. */
  #replace(): void {
    for (const { sender } of this.pc?.getTransceivers() ?? []) {
      const kind = sender.track?.kind;
      const track = this.media?.track(kind === "audio" ? "audio" : "video");
      if (track && sender.track !== track) void sender.replaceTrack(track).catch(() => {});
    }
    this.changed();
  }

  protected override closing(): void {
    this.#unfollow?.();
    if (this.#owned) this.media?.stop();
  }

  async stats(): Promise<BroadcastStats> {
    const { pc } = this;
    const layers: BroadcastStats["layers"][number][] = [];
    let [rtt, loss]: (number | undefined)[] = [];
    const sent = new Map<string, { bytes: number; at: number }>();
    for (const report of (await pc?.getStats())?.values() ?? []) {
      if (report.type === "outbound-rtp" && report.kind === "video") {
        const { rid = "", frameHeight: height, framesPerSecond, timestamp: at } = report;
        // Browsers probe for bandwidth with repeated packets: they are not what the layer takes.
        const bytes = report.bytesSent - (report.retransmittedBytesSent ?? 0);
        const before = this.#sent.get(report.id);
        const bitrate = before && ((bytes - before.bytes) * 8_000) / Math.max(1, at - before.at);
        sent.set(report.id, { bytes, at });
        layers.push({ rid, height, framesPerSecond, bitrate: bitrate && Math.max(0, bitrate) });
      }
      if (report.type !== "remote-inbound-rtp") continue;
      rtt = report.roundTripTime * 1_000;
      loss = Math.max(loss ?? 0, report.fractionLost ?? 0);
    }
    this.#sent = sent;
    // A browser without time makes the largest layer smaller: their names keep the order.
    const place = (rid: string): number => simulcastLayers.findIndex((layer) => layer.rid === rid);
    layers.sort((one, other) => place(one.rid) - place(other.rid));
    return { layers, rtt, loss };
  }
}

/** As many layers as the picture is large enough for. */
function layersFor(track: MediaStreamTrack): RTCRtpEncodingParameters[] {
  const { width = 1_280, height = 720 } = track.getSettings?.() ?? {};
  const count = 1 + pixelsForLayers.filter((pixels) => width * height >= pixels).length;
  return simulcastLayers.slice(-count);
}

/** Puts these codecs first; the others follow. */
function prefer(transceiver: RTCRtpTransceiver, codecs: readonly string[]): void {
  const { codecs: known } = globalThis.RTCRtpSender?.getCapabilities?.("video") ?? { codecs: [] };
  const rank = ({ mimeType }: { readonly mimeType: string }): number => {
    const at = codecs.findIndex((name) => mimeType.toLowerCase() === `video/${name.toLowerCase()}`);
    return at < 0 ? codecs.length : at;
  };
  if (known.length > 0)
    transceiver.setCodecPreferences?.([...known].sort((one, other) => rank(one) - rank(other)));
}
