import { type HlsPlayer, loadHls } from "./hls-fallback.ts";
import { iceServers } from "./ice-servers.ts";
import { StatsReader, type ViewerStats } from "./viewer-stats.ts";

/**
 * Where a viewer is: `waiting` for a stream that isn't live, `interrupted` by a fault or by the publisher's, from which it comes back by
 * itself, `refused` by the server, `stopped` by the page.
 */
export type ViewerState = "connecting" | "waiting" | "live" | "interrupted" | "refused" | "stopped";

/** A layer of the publisher's video. `id` is empty without simulcast. */
export interface ViewedLayer {
  readonly id: string;
  readonly height?: number;
  readonly bitrate: number;
}

/** What the server said to a request that it refused. */
export interface Refusal {
  readonly status: number;
  readonly detail: string;
  /** A token was sent along, and was not taken. */
  readonly withToken?: boolean;
}

export interface WhepViewerOptions {
  /** Such as `https://live.example.com/whep/lobby`. */
  readonly endpoint: string;
  readonly token: string | undefined;
  /** Called after each change. */
  changed(): void;
}

/** How long a connection may take, or be lost, before it is made anew; and how long the first one may before HLS is tried. ms */
const [connectPatience, lostPatience, fallbackPatience] = [10_000, 3_000, 3_000];
/** Between attempts, ms. */
const [firstPause, longestPause] = [300, 5_000];
/** Statuses that no second attempt mends. */
const final: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 406, 413, 415, 422]);

/**
 * Views one stream by WHEP: waits for it, and connects anew whenever it has to, until it is stopped. Where neither UDP nor TCP gets through, or
 * the server is full, it plays by HLS.
 */
export class WhepViewer {
  state: ViewerState = "stopped";
  /** Why it was refused, or why it is not yet live. */
  refusal: Refusal | undefined;
  viewers: number | undefined;
  /** The smallest first. */
  layers: readonly ViewedLayer[] = [];
  /** The id of the chosen layer; undefined while the server chooses. */
  layer: string | undefined;
  /** It plays by HLS. */
  hls = false;
  /** The same stream over all connections. */
  readonly #stream = new MediaStream();
  #video: HTMLVideoElement | undefined;
  #player: HlsPlayer | undefined;
  /** Some connection came to be: it is no network without UDP and TCP. */
  #connected = false;
  readonly #options: WhepViewerOptions;
  readonly #stats = new StatsReader();
  #connection: RTCPeerConnection | undefined;
  #session: string | undefined;
  #events: EventSource | undefined;
  #servers: RTCIceServer[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #fallbackTimer: ReturnType<typeof setTimeout> | undefined;
  #pause = firstPause;
  /** Counts connections: what an earlier one still brings is ignored. */
  #turn = 0;

  constructor(options: WhepViewerOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.state !== "stopped" && this.state !== "refused") return;
    this.#become("connecting");
    void this.#connect();
  }

  /** Ends the session. The page may be going: the request outlives it. */
  stop(): void {
    this.#leave(true);
    this.#become("stopped");
  }

  /** Takes this layer at most, or, without one, whatever fits. */
  async choose(layer: string | undefined): Promise<void> {
    this.layer = layer;
    this.#options.changed();
    await this.#ask();
  }

  async stats(): Promise<ViewerStats> {
    if (!this.hls) return await this.#stats.read(this.#connection);
    const [video, player] = [this.#video, this.#player];
    return {
      path: "HLS",
      ...(video && video.videoWidth > 0 && { width: video.videoWidth, height: video.videoHeight }),
      ...(player?.latency !== undefined && { latency: player.latency }),
      ...(player?.codec !== undefined && { codec: player.codec }),
    };
  }

  /** Shows the stream in this element, however it comes. Call it again after each change to `live`. */
  show(video: HTMLVideoElement): void {
    const same = this.#video === video;
    this.#video = video;
    if (!this.hls) {
      if (video.srcObject !== this.#stream) video.srcObject = this.#stream;
    } else if (!same || this.#player === undefined) void this.#play(video);
  }

  async #play(video: HTMLVideoElement): Promise<void> {
    const turn = this.#turn;
    const url = this.#hlsUrl;
    this.#player?.stop();
    this.#player = undefined;
    try {
      const play = await loadHls(url.slice(0, url.lastIndexOf("/hls/")));
      if (turn !== this.#turn || this.#video !== video) return;
      video.srcObject = null;
      const lost = (): void => {
        if (turn === this.#turn) this.#anew("interrupted");
      };
      this.#player = play(video, { url, token: this.#options.token, lost });
      video.play().catch(() => undefined);
    } catch {
      if (turn === this.#turn) this.#anew("interrupted");
    }
  }

  get #hlsUrl(): string {
    return `${this.#options.endpoint.replace("/whep/", "/hls/")}/index.m3u8`;
  }

  /** Goes on by HLS, if the server has the stream that way. False leaves everything as it is. */
  async #fallBack(): Promise<boolean> {
    const turn = this.#turn;
    const { token } = this.#options;
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const found = await fetch(this.#hlsUrl, { headers }).catch(() => undefined);
    if (turn !== this.#turn || this.#connected || found?.ok !== true) return turn !== this.#turn;
    this.#leave(true);
    this.#seen = true;
    this.#pause = firstPause;
    this.hls = true;
    this.refusal = undefined;
    this.#become("live");
    return true;
  }

  async #connect(): Promise<void> {
    const turn = this.#turn;
    try {
      const connection = await this.#offer();
      if (turn !== this.#turn) return;
      const { endpoint, token } = this.#options;
      const response = await fetch(endpoint, {
        method: "POST",
        headers: {
          "Content-Type": "application/sdp",
          ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        },
        body: connection.localDescription?.sdp ?? "",
      });
      const location = response.headers.get("Location");
      if (response.status === 201 && location !== null) {
        const session = new URL(location, response.url).href;
        const answer = await response.text();
        if (turn === this.#turn) await this.#begin(connection, session, answer, response.headers.get("Link"));
        else void end(session);
      } else if (turn === this.#turn) await this.#refused(response);
    } catch {
      // The server can't be reached, or the answer doesn't fit the offer.
      if (turn === this.#turn) this.#again(this.#seen ? "interrupted" : "connecting");
    }
  }

  /** A connection with an offer. A stream that isn't live is asked for again with the same one. */
  async #offer(): Promise<RTCPeerConnection> {
    if (this.#connection !== undefined) return this.#connection;
    const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: this.#servers });
    this.#connection = connection;
    for (const kind of ["audio", "video"]) connection.addTransceiver(kind, { direction: "recvonly" });
    connection.addEventListener("track", ({ track }) => {
      if (this.#connection === connection) this.#stream.addTrack(track);
    });
    connection.addEventListener("connectionstatechange", () => {
      if (this.#connection === connection) this.#stateOf(connection);
    });
    await connection.setLocalDescription();
    return connection;
  }

  async #begin(
    connection: RTCPeerConnection,
    session: string,
    answer: string,
    link: string | null,
  ): Promise<void> {
    this.#session = session;
    this.refusal = undefined;
    // The next connection has them from the start; this one where the browser still takes them.
    this.#servers = iceServers(link);
    for (const track of this.#stream.getTracks()) this.#stream.removeTrack(track);
    this.#listen(session);
    this.#after(connectPatience, () => this.#anew("interrupted"));
    if (!this.#connected) this.#fallbackTimer = setTimeout(() => void this.#fallBack(), fallbackPatience);
    await connection.setRemoteDescription({ type: "answer", sdp: answer });
    if (this.layer !== undefined) await this.#ask();
  }

  async #refused(response: Response): Promise<void> {
    const turn = this.#turn;
    const body = await response.json().catch(() => ({}));
    if (turn !== this.#turn) return;
    const { status } = response;
    const detail = typeof body.detail === "string" ? body.detail : "";
    this.refusal = { status, detail, withToken: this.#options.token !== undefined };
    if (final.has(status)) {
      this.#leave(false);
      this.#become("refused");
      return;
    }
    if (status === 503 && (await this.#fallBack())) return;
    const wait = Number(response.headers.get("Retry-After") ?? 0) * 1_000;
    if (status === 409) this.#seen = false;
    this.#again(status === 409 ? "waiting" : this.#seen ? "interrupted" : "connecting", wait);
  }

  #stateOf(connection: RTCPeerConnection): void {
    const { connectionState: state } = connection;
    if (state === "connected") {
      this.#pause = firstPause;
      this.#seen = true;
      this.#connected = true;
      clearTimeout(this.#timer);
      clearTimeout(this.#fallbackTimer);
      this.#become("live");
    } else if (state === "failed") this.#anew("interrupted");
    else if (state === "disconnected") {
      this.#become("interrupted");
      this.#after(lostPatience, () => this.#anew("interrupted"));
    }
  }

  /** What the server tells of the stream (the extension server-sent-events). */
  #listen(session: string): void {
    const events = new EventSource(`${session}/events`);
    this.#events = events;
    const on = (type: string, heard: (data: never) => void) =>
      events.addEventListener(type, ({ data }) => {
        if (this.#events !== events) return;
        heard(JSON.parse(data) as never);
        this.#options.changed();
      });
    on("active", () => {
      if (this.#connection?.connectionState === "connected") this.state = "live";
    });
    on("inactive", () => {
      if (this.state === "live") this.state = "interrupted";
    });
    on("viewercount", ({ viewercount }: { viewercount: number }) => {
      this.viewers = viewercount;
    });
    on("layers", (sections: Record<string, { readonly layers?: readonly WireLayer[] }>) => {
      const layers = Object.values(sections)[0]?.layers ?? [];
      this.layers = layers
        .map(({ encodingId: id, height, bitrate }) => ({ id, bitrate, ...(height && { height }) }))
        .sort((one, other) => (one.height ?? 0) - (other.height ?? 0) || one.bitrate - other.bitrate);
    });
    on("reconnect", ({ reason }: { reason: string }) => {
      if (reason === "kicked") {
        this.refusal = { status: 403, detail: "The server has ended it." };
        this.#leave(false);
        this.#become("refused");
      } else this.#anew("interrupted");
    });
  }

  /** Tells the server which layer to send at most (the extension layer). */
  async #ask(): Promise<void> {
    if (this.#session === undefined) return;
    const url = `${this.#session}/layer`;
    const { layer } = this;
    const request =
      layer === undefined
        ? { method: "DELETE" }
        : {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ encodingId: layer }),
          };
    await fetch(url, request).catch(() => undefined);
  }

  #seen = false;

  /** Gives this connection up and makes another. */
  #anew(state: ViewerState): void {
    this.#leave(true);
    this.#again(state);
  }

  /** Tries once more, a while from now. */
  #again(state: ViewerState, wait = 0): void {
    const pause = Math.max(wait, this.#pause) * (1 + Math.random() / 2);
    this.#pause = Math.min(longestPause, this.#pause * 2);
    this.#after(pause, () => void this.#connect());
    this.#become(state);
  }

  #after(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
  }

  #leave(tell: boolean): void {
    this.#turn += 1;
    clearTimeout(this.#timer);
    clearTimeout(this.#fallbackTimer);
    this.#player?.stop();
    this.#player = undefined;
    this.hls = false;
    this.#connected = false;
    this.#events?.close();
    this.#events = undefined;
    if (tell && this.#session !== undefined) void end(this.#session);
    this.#session = undefined;
    this.#connection?.close();
    this.#connection = undefined;
    this.viewers = undefined;
    this.layers = [];
  }

  #become(state: ViewerState): void {
    this.state = state;
    this.#options.changed();
  }
}

interface WireLayer {
  readonly encodingId: string;
  readonly height?: number;
  readonly bitrate: number;
}

async function end(session: string): Promise<void> {
  await fetch(session, { method: "DELETE", keepalive: true }).catch(() => undefined);
}

/** What a layer is called in a menu: `720p`, or its id and bitrate where its height isn't known. */
export function layerName({ id, height, bitrate }: ViewedLayer): string {
  if (height !== undefined) return `${height}p`;
  const rate =
    bitrate >= 1_000_000
      ? `${(bitrate / 1_000_000).toFixed(1)} Mbit/s`
      : `${Math.round(bitrate / 1_000)} kbit/s`;
  return id === "" ? rate : `${id} · ${rate}`;
}
