/** What a viewer receives, over the time since the last look. */
export interface ViewerStats {
  readonly width?: number;
  readonly height?: number;
  readonly framesPerSecond?: number;
  /** Such as `VP8`. */
  readonly codec?: string;
  /** bit/s, video and audio. */
  readonly bitrate?: number;
  /** The share of video packets that did not arrive, from 0 to 1. */
  readonly loss?: number;
  /** How long the picture takes from the server to the screen: half of the round trip, and the time in the receiver. ms */
  readonly latency?: number;
  readonly path?: "UDP" | "TCP" | "TURN" | "HLS";
}

/** Sums so far. */
interface Sums {
  readonly at: number;
  readonly bytes: number;
  readonly lost: number;
  readonly received: number;
  readonly frames: number;
  /** Seconds that the frames spent in the receiver, all together. */
  readonly processing: number;
}

/** Compares the reports of a connection with those of the last look. */
export class StatsReader {
  #connection: RTCPeerConnection | undefined;
  #before: Sums | undefined;

  async read(connection: RTCPeerConnection | undefined): Promise<ViewerStats> {
    if (this.#connection !== connection) this.#before = undefined;
    this.#connection = connection;
    if (connection === undefined) return {};
    const reports = await connection.getStats();
    const inbound = [...reports.values()].filter(({ type }) => type === "inbound-rtp");
    const video = inbound.find(({ kind }) => kind === "video");
    const now: Sums = {
      at: performance.now(),
      bytes: inbound.reduce((sum, { bytesReceived = 0 }) => sum + bytesReceived, 0),
      lost: video?.packetsLost ?? 0,
      received: video?.packetsReceived ?? 0,
      frames: video?.framesDecoded ?? 0,
      processing: video?.totalProcessingDelay ?? 0,
    };
    const before = this.#before;
    this.#before = now;
    const pair = [...reports.values()].find(
      ({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded",
    );
    const rtt: number | undefined = pair?.currentRoundTripTime;
    const local = reports.get(pair?.localCandidateId);
    return {
      ...(video?.frameWidth && { width: video.frameWidth, height: video.frameHeight }),
      ...(video?.framesPerSecond !== undefined && { framesPerSecond: video.framesPerSecond }),
      ...(video?.codecId && codecOf(reports.get(video.codecId)?.mimeType)),
      ...(local && { path: local.candidateType === "relay" ? "TURN" : local.protocol?.toUpperCase() }),
      ...(before && since(before, now, rtt)),
    };
  }
}

function codecOf(mimeType: string | undefined): { codec?: string } {
  const codec = mimeType?.split("/")[1];
  return codec === undefined ? {} : { codec };
}

function since(before: Sums, now: Sums, rtt: number | undefined): ViewerStats {
  const frames = now.frames - before.frames;
  const lost = Math.max(0, now.lost - before.lost);
  const arrived = now.received - before.received;
  const waits = frames > 0 ? ((now.processing - before.processing) / frames) * 1_000 : undefined;
  return {
    bitrate: ((now.bytes - before.bytes) * 8_000) / Math.max(1, now.at - before.at),
    loss: lost / Math.max(1, lost + arrived),
    ...(waits !== undefined && rtt !== undefined && { latency: waits + rtt * 500 }),
  };
}
