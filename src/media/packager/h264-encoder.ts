import { execFile } from "node:child_process";

/** An encoder of H.264 that ffmpeg has, and how it is told to hold no picture back. */
export interface H264Encoder {
  readonly name: string;
  /** Options ahead of the input. */
  readonly device: readonly string[];
  /** What comes behind other filters. */
  readonly filters: readonly string[];
  readonly options: readonly string[];
}

/** An encoder makes a keyframe of each that comes (`-force_key_frames source`), as one that decoders begin with. */
const forced = ["-forced-idr", "1"];
const forcedQsv = ["-forced_idr", "1"];

export const software: H264Encoder = {
  name: "libx264",
  device: [],
  filters: [],
  options: ["-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", ...forced],
};

/** Those of hardware, the first that works is taken. */
const hardware: readonly H264Encoder[] = [
  {
    ...{ name: "h264_nvenc", device: [], filters: [] },
    options: [
      "-preset",
      "p1",
      "-tune",
      "ull",
      "-zerolatency",
      "1",
      "-delay",
      "0",
      "-bf",
      "0",
      "-pix_fmt",
      "yuv420p",
      ...forced,
    ],
  },
  {
    ...{ name: "h264_qsv", device: [], filters: [] },
    options: [
      "-preset",
      "veryfast",
      "-async_depth",
      "1",
      "-look_ahead",
      "0",
      "-bf",
      "0",
      "-pix_fmt",
      "nv12",
      ...forcedQsv,
    ],
  },
  {
    ...{
      name: "h264_vaapi",
      device: ["-vaapi_device", "/dev/dri/renderD128"],
      filters: ["format=nv12", "hwupload"],
    },
    options: ["-async_depth", "1", "-bf", "0"],
  },
  {
    ...{ name: "h264_v4l2m2m", device: [], filters: [] },
    options: ["-num_capture_buffers", "16", "-bf", "0", "-pix_fmt", "yuv420p"],
  },
];

/** How long an encoder may take for one picture before it counts as none, ms. */
const patience = 5_000;

/**
 * The encoder to use: each of hardware encodes one picture first, for ffmpeg lists encoders whether or not there is hardware for them. `program`: ffmpeg.
 * Never rejects.
 */
export async function workingEncoder(program: string): Promise<H264Encoder> {
  for (const encoder of hardware) if (await encodes(program, encoder)) return encoder;
  return software;
}

function encodes(program: string, { name, device, filters, options }: H264Encoder): Promise<boolean> {
  const picture = ["-f", "lavfi", "-i", "color=black:size=640x360:rate=30", "-frames:v", "1"];
  const filtered = filters.length === 0 ? [] : ["-vf", filters.join()];
  const args = [
    ...["-hide_banner", "-loglevel", "quiet", "-nostdin", ...device, ...picture, ...filtered],
    ...["-c:v", name, ...options, "-f", "null", "-"],
  ];
  return new Promise((resolve) =>
    execFile(program, args, { timeout: patience, killSignal: "SIGKILL" }, (error) => resolve(error === null)),
  );
}

/** Gives the encoder to all who need one: it is looked for once, when the first of them asks. */
export class EncoderChoice {
  readonly #find: () => H264Encoder | Promise<H264Encoder>;
  readonly #chosen: (encoder: H264Encoder) => void;
  #encoder: H264Encoder | undefined;
  #asked = false;

  /** `chosen` is called once. */
  constructor(
    find: () => H264Encoder | Promise<H264Encoder>,
    chosen: (encoder: H264Encoder) => void = () => {},
  ) {
    this.#find = find;
    this.#chosen = chosen;
  }

  /** Undefined while it is looked for. */
  get encoder(): H264Encoder | undefined {
    if (!this.#asked) {
      this.#asked = true;
      const found = this.#find();
      if ("name" in found) this.#choose(found);
      else void found.then((encoder) => this.#choose(encoder));
    }
    return this.#encoder;
  }

  #choose(encoder: H264Encoder): void {
    this.#encoder = encoder;
    this.#chosen(encoder);
  }
}
