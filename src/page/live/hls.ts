import Hls from "hls.js";
import type { HlsPlayer, PlayHls } from "./hls-fallback.ts";

/** How much faster than life a player catches up that has fallen behind. */
const catchUp = 1.25;

/** Plays by hls.js, or by the browser itself where it has no Media Source Extensions. */
const play: PlayHls = (video, { url, token, lost }) => {
  if (!Hls.isSupported()) return playNatively(video, { url, token, lost });
  const hls = new Hls({
    lowLatencyMode: true,
    // Pages that allow no workers from blobs play as well.
    enableWorker: false,
    maxLiveSyncPlaybackRate: catchUp,
    ...(token !== undefined && {
      xhrSetup: (request: XMLHttpRequest) => request.setRequestHeader("Authorization", `Bearer ${token}`),
    }),
  });
  hls.on(Hls.Events.ERROR, (_, { fatal }) => {
    if (fatal) lost();
  });
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
    stop: () => hls.destroy(),
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
