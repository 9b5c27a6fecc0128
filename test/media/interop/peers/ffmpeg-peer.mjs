// FFmpeg 8's WHIP muxer, by the package node-av, which has FFmpeg's libraries in it: ffmpeg-peer.mjs FOLDER publish URL TOKEN, where FOLDER has
// that package in its node_modules. The system's ffmpeg, of whichever version, makes the picture and the tone. It goes on until it is killed.
// `probe` in place of `publish` tells by its status whether it can run.
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";

const [folder = "", mode, url = "", token = ""] = process.argv.slice(2);
const { Demuxer, Muxer } = await import(join(folder, "node_modules/node-av/dist/index.js"));
if (mode === "probe") process.exit(spawnSync("ffmpeg", ["-version"], { stdio: "ignore" }).status ?? 1);

const colors = ["red", "lime", "blue"].map((color, n) => `color=${color}:s=320x240:r=30:d=0.6[${n}]`);
const picture = `${colors.join(";")};[0][1][2]concat=n=3,loop=-1:54:0`;
const source = spawn(
  "ffmpeg",
  [
    ...["-v", "error", "-re", "-f", "lavfi", "-i", picture, "-re", "-f", "lavfi", "-i", "sine=440:r=48000"],
    ...["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"],
    ...["-profile:v", "baseline", "-bf", "0", "-g", "30", "-c:a", "libopus", "-ac", "2"],
    ...["-f", "matroska", "-flush_packets", "1", "-cluster_time_limit", "20", "-"],
  ],
  { stdio: ["ignore", "pipe", "ignore"] },
);
process.on("exit", () => source.kill("SIGKILL"));
process.stdin.on("end", () => process.exit()).resume();
const input = await Demuxer.open(source.stdout, { format: "matroska" });
const output = await Muxer.open(url, { format: "whip", input, options: { authorization: token } });
const streams = new Map(input.streams.map((stream) => [stream.index, output.addStream(stream)]));
let told = false;
for await (const packet of input.packets()) {
  if (packet === null) continue;
  await output.writePacket(packet, streams.get(packet.streamIndex) ?? 0);
  if (!told) console.log("published");
  told = true;
}
