import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { endWithUs } from "../../support/end-with-us.ts";
import { installPeers } from "../../support/peers.ts";
import { type Content, check, NotHere, patience } from "./outcome.ts";

/** Of Debian: the modules that the peers import are packages of it. */
const python = "/usr/bin/python3";

const file = (name: string): string => fileURLToPath(new URL(`./peers/${name}`, import.meta.url));

/** A peer that is a program: how it is run, and what it needs. */
export interface Program {
  readonly name: string;
  /** Program and first arguments. */
  readonly command: readonly string[];
  /** A command that succeeds where it can run. */
  readonly probe: readonly string[];
  /** Debian's packages that it needs. */
  readonly packages: string;
}

const module = (code: string): string[] => [python, "-c", code];

export const aiortc: Program = {
  name: "aiortc",
  command: [python, file("aiortc-peer.py")],
  probe: module("import aiortc"),
  packages: "python3-aiortc",
};

export const gstreamer: Program = {
  name: "GStreamer webrtcbin",
  command: [python, file("gstreamer-peer.py")],
  probe: module(
    "import gi, numpy; gi.require_version('GstWebRTC', '1.0'); from gi.repository import Gst, GstWebRTC; Gst.init(None); " +
      "exit(0 if all(map(Gst.ElementFactory.find, ['webrtcbin', 'nicesrc', 'vp8enc'])) else 1)",
  ),
  packages: "gstreamer1.0-plugins-good, -plugins-bad, -nice, python3-gst-1.0, gir1.2-gst-plugins-bad-1.0",
};

const node = Bun.which("node") ?? "node";

export const nodeDatachannel: Program = {
  name: "node-datachannel",
  command: [node, file("node-datachannel-peer.mjs")],
  probe: [node, "--input-type=module", "-e", "import 'node-datachannel'"],
  packages: "node-datachannel and Node",
};

/** FFmpeg's WHIP muxer, in a package of npm that has its libraries; large, so it is installed only here. */
export function ffmpeg(): Program {
  let folder = "";
  try {
    folder = installPeers("ffmpeg");
  } catch {
    // The probe tells.
  }
  return {
    name: "FFmpeg 8.1's WHIP muxer",
    command: [process.execPath, file("ffmpeg-peer.mjs"), folder],
    probe: [process.execPath, file("ffmpeg-peer.mjs"), folder, "probe"],
    packages: "node-av of npm on Linux x64, and ffmpeg",
  };
}

/** Throws a {@link NotHere} where the program can't run. */
export function need({ probe: [command = "", ...args], packages }: Program): void {
  if (spawnSync(command, args, { stdio: "ignore" }).status !== 0) throw new NotHere(`needs ${packages}`);
}

export const has = (program: Program): boolean => {
  try {
    need(program);
    return true;
  } catch {
    return false;
  }
};

/** What a program is told after its command. */
export interface Task {
  readonly mode: "publish" | "view";
  readonly url: string;
  readonly token: string;
  readonly codec: string;
  /** `a=setup` of its offer. */
  readonly setup: string;
  /** A TURN server that it uses alone. */
  readonly relay?: RTCIceServer;
}

/** Runs the program until it has published. Call the function to end it. */
export async function publishBy(program: Program, task: Omit<Task, "mode">): Promise<() => void> {
  const { child, said } = start(program, { mode: "publish", ...task });
  if (!(await said("published"))) {
    child.kill("SIGKILL");
    throw new Error("it did not publish");
  }
  return () => child.kill("SIGKILL");
}

/** Runs the program until it has viewed, and checks what it saw and heard. */
export async function viewBy(program: Program, task: Omit<Task, "mode">): Promise<void> {
  const { child, said } = start(program, { mode: "view", ...task });
  const line = await said("{");
  child.kill("SIGKILL");
  if (line === undefined) throw new Error("it viewed nothing");
  check(JSON.parse(line) as Content);
}

function start(program: Program, { mode, url, token, codec, setup, relay }: Task) {
  const [command = "", ...first] = program.command;
  const urls = relay === undefined ? [] : [relay.urls, relay.username, relay.credential].map(String);
  const args = [...first, mode, url, token, codec, setup, ...urls];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  endWithUs(child);
  const errors: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => errors.push(line));
  return { child, said: (start: string) => line(child, start, errors) };
}

/** The first line that begins so. Undefined after the patience; rejects where the program ended before, with its last words. */
async function line(child: ChildProcess, start: string, errors: string[]): Promise<string | undefined> {
  if (child.stdout === null) return undefined;
  const lines = createInterface({ input: child.stdout });
  const found = new Promise<string>((resolve) =>
    lines.on("line", (text) => text.startsWith(start) && resolve(text)),
  );
  const ended = once(child, "close").then(() => {
    throw new Error(errors.slice(-3).join(" ") || "it ended without a word");
  });
  ended.catch(() => {});
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, patience + 10_000, undefined).unref());
  return await Promise.race([found, ended, late]);
}
