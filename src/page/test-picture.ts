import { initial } from "./user-badge.tsx";

const width = 640;
const height = 360;
const framesPerSecond = 10;

/** A picture without a camera: the initial of a name on a color of its own, a clock, and a moving hand. */
export interface TestPicture {
  readonly stream: MediaStream;
  stop(): void;
}

/** Starts one. Its timer is the built `test-picture-worker.ts`, which lies beside the page. */
export function startTestPicture(name: string): TestPicture {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { alpha: false });
  const hue = hueOf(name);
  const draw = () => {
    if (context !== null) paint(context, initial(name), hue, new Date());
  };
  draw();
  const stream = canvas.captureStream(framesPerSecond);
  const ticker = new Worker("test-picture-worker.js", { type: "module" });
  ticker.addEventListener("message", draw);
  ticker.postMessage(1000 / framesPerSecond);
  return {
    stream,
    stop() {
      ticker.terminate();
      for (const track of stream.getTracks()) track.stop();
    },
  };
}

/** The same name has the same color everywhere. */
export function hueOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 3600;
  return hash / 10;
}

function paint(context: CanvasRenderingContext2D, letter: string, hue: number, now: Date): void {
  const [x, y] = [width / 2, height / 2 - 14];
  const turn = ((now.getTime() % 4000) / 4000) * 2 * Math.PI;
  context.fillStyle = `hsl(${hue} 38% 24%)`;
  context.fillRect(0, 0, width, height);
  context.fillStyle = `hsl(${hue} 42% 32%)`;
  context.beginPath();
  context.moveTo(x, y);
  context.arc(x, y, width, turn, turn + 0.9);
  context.fill();
  context.lineWidth = 8;
  context.strokeStyle = "#f0b23e";
  context.fillStyle = `hsl(${hue} 40% 18%)`;
  context.beginPath();
  context.arc(x, y, 88, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.fillStyle = "#f4efe4";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = "600 88px system-ui, sans-serif";
  context.fillText(letter, x, y + 6);
  context.font = "22px ui-monospace, monospace";
  context.fillText(now.toLocaleTimeString("en-GB"), x, height - 36);
}

/** A beep every second, to hear that sound arrives. */
export interface Pips {
  readonly track: MediaStreamTrack;
  stop(): void;
}

export function startPips(): Pips | undefined {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  const tone = context.createOscillator();
  const gain = context.createGain();
  tone.frequency.value = 880;
  gain.gain.value = 0;
  tone.connect(gain).connect(out);
  tone.start();
  // Schedules a minute of beeps, every minute: the audio clock keeps time where timers of hidden tabs do not.
  const plan = () => {
    const start = Math.ceil(context.currentTime);
    for (let second = start; second < start + 120; second++) {
      gain.gain.setValueAtTime(0.15, second);
      gain.gain.setTargetAtTime(0, second + 0.06, 0.015);
    }
  };
  plan();
  const timer = setInterval(plan, 60_000);
  const [track] = out.stream.getAudioTracks();
  if (track === undefined) return undefined;
  return {
    track,
    stop() {
      clearInterval(timer);
      track.stop();
      context.close().catch(() => undefined);
    },
  };
}
