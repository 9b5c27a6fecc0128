import wrtc from "@roamhq/wrtc";
import {
  type Client,
  type ConnectOptions,
  capture,
  connect,
  type LocalMedia,
} from "../../../src/client/index.ts";

const { RTCVideoSource, RTCVideoSink, RTCAudioSource } = wrtc.nonstandard;
const open: { close(): unknown }[] = [];

/** A client of `user` with real libwebrtc. `closeAll` ends it. */
export function device(url: string, user: string, id: string, options: Partial<ConnectOptions> = {}): Client {
  const client = connect({
    url,
    token: `dev:${user}`,
    device: { id, kind: "desktop" },
    rtc: wrtc,
    ...options,
  });
  open.push(client);
  return client;
}

const width = 64;
const height = 48;

/** A camera that films a grey wall, 20 frames a second, with a microphone that hears nothing. */
export async function camera(): Promise<LocalMedia> {
  const video = new RTCVideoSource();
  const data = new Uint8Array(width * height * 1.5).fill(128);
  const film = setInterval(() => video.onFrame({ width, height, data }), 50);
  open.push({ close: () => clearInterval(film) });
  return await capture(new wrtc.MediaStream([video.createTrack(), audioTrack()]));
}

/** A microphone alone. */
export async function microphone(): Promise<LocalMedia> {
  return await capture(new wrtc.MediaStream([audioTrack()]));
}

function audioTrack(): MediaStreamTrack {
  const audio = new RTCAudioSource();
  const samples = new Int16Array(480);
  const hear = setInterval(
    () =>
      audio.onData({ samples, sampleRate: 48_000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 }),
    10,
  );
  open.push({ close: () => clearInterval(hear) });
  return audio.createTrack();
}

/** Resolves when so many frames of the stream's video were decoded from now on, whichever track it has. */
export async function frames(stream: MediaStream, count = 3): Promise<void> {
  const seen = { frames: 0 };
  let track: MediaStreamTrack | undefined;
  let stop = () => {};
  const look = () => {
    const now = stream.getVideoTracks()[0];
    if (now !== track) {
      stop();
      track = now;
      if (now) stop = watch(now, seen);
    }
    return seen.frames >= count;
  };
  try {
    await until(look, `${count} video frames`);
  } finally {
    stop();
  }
}

function watch(track: MediaStreamTrack, seen: { frames: number }): () => void {
  const sink = new RTCVideoSink(track);
  sink.onframe = () => {
    seen.frames++;
  };
  return () => sink.stop();
}

/** Resolves when it holds; looks every 10 ms, for real peers follow no simulated clock. */
export async function until(holds: () => unknown, what: string, patience = 30_000): Promise<void> {
  const end = Date.now() + patience;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`waited ${patience} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Closes every client and camera of the test. */
export async function closeAll(): Promise<void> {
  for (const one of open.splice(0).reverse()) await one.close();
}
