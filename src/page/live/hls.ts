import Hls from "hls.js";
import type { HlsPlayer, PlayHls } from "./hls-fallback.ts";
import { LiveEdge } from "./live-edge.ts";

/** How often the player looks where the live edge is, ms. */
const lookInterval = 250;
/** A decoder that fails again so soon isn't made anew another time, ms. */
const recoveryPause = 5_000;

/** Plays by hls.js, or by the browser itself where it has no Media Source Extensions. */
const play: PlayHls = (video, { url, token, lost }) => {
  if (!Hls.isSupported()) return playNatively(video, { url, token, lost });
  const hls = new Hls({
    lowLatencyMode: true,
    // Pages that allow no workers from blobs play as well.
    enableWorker: false,
    // Its own way to the live edge never gets nearer than a second, and a second further away with each stall.
    maxLiveSyncPlaybackRate: 1,
    liveSyncOnStallIncrease: 0,
    ...(token !== undefined && {
      xhrSetup: (request: XMLHttpRequest) => request.setRequestHeader("Authorization", `Bearer ${token}`),
    }),
  });
  const edge = new LiveEdge(performance.now());
  let recoveredAt = Number.NEGATIVE_INFINITY;
  hls.on(Hls.Events.ERROR, (_, { fatal, type, details }) => {
    const now = performance.now();
    const recovers = type === Hls.ErrorTypes.MEDIA_ERROR && now - recoveredAt > recoveryPause;
    if (fatal && recovers) {
      recoveredAt = now;
      hls.recoverMediaError();
    } else if (fatal) lost();
    else if (details === Hls.ErrorDetails.BUFFER_STALLED_ERROR) edge.stalled(now);
  });
  const timer = setInterval(() => {
    const { buffered, currentTime } = video;
    const loaded = buffered.length === 0 ? currentTime : buffered.end(buffered.length - 1);
    const { latency, targetLatency } = hls;
    if (latency === 0 || targetLatency === null) return;
    const rate = edge.rate(latency, targetLatency, loaded - currentTime, performance.now());
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }, lookInterval);
  hls.on(Hls.Events.BUFFER_EOS, lost);
  hls.loadSource(url);
  hls.attachMedia(video);
  const player: HlsPlayer = {
    get latency() {
      return hls.latency > 0 ? hls.latency * 1_000 : undefined;
    },
    get codec() {
      return hls.levels[hls.currentLevel]?.videoCodec?.split(".")[0];
    },
    stop() {
      clearInterval(timer);
      video.playbackRate = 1;
      hls.destroy();
    },
  };
  return player;
};

/** iPhones: only the address can carry a token. */
const playNatively: PlayHls = (video, { url, token, lost }) => {
  video.src = token === undefined ? url : `${url}?token=${encodeURIComponent(token)}`;
  video.addEventListener("error", lost);
  video.addEventListener("ended", lost);
  return {
    latency: undefined,
    codec: undefined,
    stop() {
      video.removeEventListener("error", lost);
      video.removeEventListener("ended", lost);
      video.removeAttribute("src");
      video.load();
    },
  };
};

Object.assign(globalThis, { switchboardHls: play });
