/** What comes from the other end now. */
export interface Content {
  /** `red`, `green`, `blue` or `none`. */
  readonly color: string;
  /** The middle of the picture, as it was painted: what a failure shows where the colour is none of these. */
  readonly painted?: string;
  /** Hz; 0 for silence. */
  readonly tone: number;
  /** Frames of video that were shown so far. */
  readonly frames: number;
}

/** The tracks that the connection receives now. */
function received(pc: RTCPeerConnection): MediaStreamTrack[] {
  return pc
    .getTransceivers()
    .filter(({ currentDirection }) => currentDirection === "sendrecv" || currentDirection === "recvonly")
    .map(({ receiver }) => receiver.track);
}

interface Listening {
  readonly tracks: string;
  readonly video: HTMLVideoElement;
  readonly context: AudioContext;
  readonly analyser: AnalyserNode;
  /** Frames that were shown: Firefox counts none in the quality of playback. */
  shown: number;
}

let listening: Listening | undefined;

function listen(tracks: readonly MediaStreamTrack[], names: string): Listening {
  // A page may have few of these, and has some for each call.
  void listening?.context.close();
  if (listening !== undefined) listening.video.srcObject = null;
  const stream = new MediaStream([...tracks]);
  const video = Object.assign(document.createElement("video"), { muted: true, srcObject: stream });
  void video.play().catch(() => {});
  const count = () => {
    if (listening?.video === video) listening.shown++;
    video.requestVideoFrameCallback(count);
  };
  video.requestVideoFrameCallback(count);
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 8_192 });
  if (stream.getAudioTracks().length > 0) context.createMediaStreamSource(stream).connect(analyser);
  return { tracks: names, video, context, analyser, shown: 0 };
}

/** The colour and the tone that the connection gets now. */
export function content(pc: RTCPeerConnection | undefined): Content {
  const tracks = pc === undefined ? [] : received(pc);
  const names = tracks.map(({ id }) => id).join(" ");
  if (listening?.tracks !== names) listening = listen(tracks, names);
  const { video, analyser, shown } = listening;
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const paint = canvas.getContext("2d")!;
  paint.drawImage(video, 0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = paint.getImageData(0, 0, 1, 1).data;
  const color =
    red > 150 && green < 120 && blue < 120
      ? "red"
      : green > 150 && red < 120 && blue < 120
        ? "green"
        : blue > 150 && red < 120 && green < 120
          ? "blue"
          : "none";
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const loudest = Math.max(...levels);
  const bin = levels.indexOf(loudest);
  const tone = loudest > -60 ? Math.round((bin * analyser.context.sampleRate) / analyser.fftSize) : 0;
  return {
    ...(color === "none" && { painted: `${red} ${green} ${blue}` }),
    color,
    tone,
    frames: Math.max(shown, video.getVideoPlaybackQuality().totalVideoFrames),
  };
}
