import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { End } from "../../interop/end.ts";
import { endWithUs } from "../../support/end-with-us.ts";

const driver = fileURLToPath(new URL("dino.py", import.meta.url));
/** Debian's: another one on the path has none of Debian's libraries. */
const python = "/usr/bin/python3";
const programs = ["dino-im", "Xvfb", "pulseaudio", "parec", "dbus-run-session", "unshare"];

/** Why Dino can't be run here; undefined where it can. */
export function dinoIsMissing(): string | undefined {
  const missing = programs.find((name) => Bun.which(name) === null);
  if (missing !== undefined) return `${missing} is not installed`;
  if (spawnSync(python, ["-c", "import pyatspi"]).status !== 0) return "python3-pyatspi is not installed";
  const apart = spawnSync("unshare", [...namespaces, "true"]);
  return apart.status === 0 ? undefined : "unshare is not permitted";
}

/** Of mounts and processes: Dino sees names and certificates of its own, and all that it starts ends with it. */
const namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/** Dino, the XMPP client of Debian, with a window that nobody sees and a microphone that hears a tone. It has no camera. */
export interface Dino extends End {
  /** Makes a call with or without video; `call` makes one without. */
  calls(user: string, video: boolean): Promise<void>;
  /** Transports that the call has got connected: each content has its own. */
  connections(): Promise<number>;
  /** What it has logged: its stanzas, and what it did. */
  log(): string;
}

export interface DinoOptions {
  /** A bare JID, whose domain is at `address`. */
  readonly jid: string;
  readonly password: string;
  /** Of those it calls. */
  readonly domain: string;
  readonly address: string;
  /** The certificate that the server has. */
  readonly cert: string;
  /** Of its microphone, in Hz. */
  readonly tone: number;
}

/** Starts Dino, and signs it in. */
export async function startDino({ jid, password, domain, address, cert, tone }: DinoOptions): Promise<Dino> {
  const home = mkdtempSync(join(tmpdir(), "switchboard-dino-"));
  const at = (name: string) => join(home, name);
  for (const name of ["share", "config", "cache"]) mkdirSync(at(name));
  mkdirSync(at("run"), { mode: 0o700 });
  writeFileSync(at("hosts"), `127.0.0.1 localhost\n${address} ${jid.split("@")[1]}\n`);
  writeFileSync(at("resolv.conf"), "");
  const env = {
    PATH: process.env.PATH,
    LC_ALL: "C.UTF-8",
    HOME: home,
    XDG_DATA_HOME: at("share"),
    XDG_CONFIG_HOME: at("config"),
    XDG_CACHE_HOME: at("cache"),
    XDG_RUNTIME_DIR: at("run"),
    GDK_BACKEND: "x11",
    GSK_RENDERER: "cairo",
    LIBGL_ALWAYS_SOFTWARE: "1",
  };
  const script = `mount --bind ${at("hosts")} /etc/hosts
    mount --bind ${at("resolv.conf")} /etc/resolv.conf
    mount --bind ${cert} /etc/ssl/certs/ca-certificates.crt
    exec dbus-run-session -- ${python} ${driver} "$@" 2>${at("driver.log")}`;
  const child = spawn("unshare", [...namespaces, "sh", "-ec", script, "sh", jid, password, String(tone)], {
    env,
    stdio: ["pipe", "pipe", "ignore"],
  });
  endWithUs(child);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const waiting: ((line: string) => void)[] = [];
  // The accessibility bus writes there too.
  createInterface(child.stdout).on("line", (line) => {
    if (line.startsWith("{")) waiting.shift()?.(line);
  });
  const log = () => (existsSync(at("dino-im.log")) ? readFileSync(at("dino-im.log"), "utf8") : "");
  const answer = async () => {
    const line = await Promise.race([
      new Promise<string>((resolve) => waiting.push(resolve)),
      exited.then(() => JSON.stringify({ error: readFileSync(at("driver.log"), "utf8") })),
    ]);
    const { ok, error } = JSON.parse(line);
    if (error !== undefined) throw new Error(`Dino: ${error}`);
    return ok;
  };
  const ask = (command: object) => {
    child.stdin.write(`${JSON.stringify(command)}\n`);
    return answer();
  };
  const close = async () => {
    child.kill("SIGKILL");
    await exited;
    rmSync(home, { recursive: true, force: true });
  };
  try {
    await answer();
  } catch (error) {
    await close();
    throw error;
  }
  const state = () => ask({ do: "state" });
  const calls = (user: string, video: boolean) => ask({ do: "call", to: `${user}@${domain}`, video });
  const never = () => Promise.reject(new Error("Dino has no such button"));
  let [picture, frames] = [Buffer.alloc(0), 0];
  return {
    user: jid,
    sends: { color: undefined, tone },
    state: async () => {
      const { rings, alerting, connections, ended } = await state();
      return { rings, alerting, connected: connections > 0, ended: ended ?? undefined, errors: [] };
    },
    connections: async () => (await state()).connections,
    content: async () => {
      const now = readFileSync(at("Xvfb_screen0"));
      if (!now.equals(picture)) frames += 1;
      picture = now;
      return { color: mainColor(now), tone: loudestTone(recorded(at("run/pulse/native"))), frames };
    },
    ufrags: async () => ["", ""],
    calls,
    call: (user) => calls(user, false),
    answer: () => ask({ do: "accept" }),
    decline: () => ask({ do: "decline" }),
    hangup: () => ask({ do: "hangup" }),
    hold: never,
    restartIce: never,
    log,
    close,
  };
}

const rate = 48_000;

/** Half a second of what is played. */
function recorded(socket: string): Float64Array {
  const format = ["--raw", "--format=s16le", `--rate=${rate}`, "--channels=1", "--latency-msec=20"];
  const length = rate / 2;
  const command = `parec --server=unix:${socket} -d speaker.monitor ${format.join(" ")} | head -c ${length * 2}`;
  const { stdout } = spawnSync("sh", ["-c", command], { timeout: 10_000 });
  const samples = new Float64Array(stdout.byteLength >> 1);
  for (let n = 0; n < samples.length; n++) samples[n] = stdout.readInt16LE(n * 2);
  return samples;
}

/** The loudest of the tones between 200 and 3,000 Hz, 10 Hz apart, by the algorithm of Goertzel. */
function loudestTone(samples: Float64Array): number {
  let best = { tone: 0, power: 0 };
  for (let tone = 200; tone <= 3_000; tone += 10) {
    const factor = 2 * Math.cos((2 * Math.PI * tone) / rate);
    let [one, two] = [0, 0];
    for (const sample of samples) [one, two] = [sample + factor * one - two, one];
    const power = one * one + two * two - factor * one * two;
    if (power > best.power) best = { tone, power };
  }
  const amplitude = (2 * Math.sqrt(best.power)) / Math.max(1, samples.length);
  return amplitude > 300 ? best.tone : 0;
}

/** By an image in the format of `xwd`, 32 bits a pixel. */
function mainColor(image: Buffer): "red" | "green" | "blue" | "none" {
  const [width, height, lineBytes] = [image.readUInt32BE(16), image.readUInt32BE(20), image.readUInt32BE(48)];
  const start = image.readUInt32BE(0) + image.readUInt32BE(76) * 12;
  const counts = { red: 0, green: 0, blue: 0 };
  for (let y = 0; y < height; y += 4)
    for (let x = 0; x < width; x += 4) {
      const at = start + y * lineBytes + x * 4;
      const [blue = 0, green = 0, red = 0] = image.subarray(at, at + 3);
      if (red > 150 && green < 100 && blue < 100) counts.red += 1;
      if (green > 150 && red < 100 && blue < 100) counts.green += 1;
      if (blue > 150 && red < 100 && green < 100) counts.blue += 1;
    }
  const all = (width * height) / 16;
  const found = (["red", "green", "blue"] as const).find((name) => counts[name] > all / 20);
  return found ?? "none";
}
