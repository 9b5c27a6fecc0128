// What one nats-server takes on this machine: bun test/sim/nats-capacity.ts. The figures of test/sim/report.ts come from it.
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { NatsServer } from "../support/nats-server.ts";

const payload = "x".repeat(300);
const subscriptions = 500_000;
/** How long messages are sent, ms. */
const duration = 5_000;

const server = await NatsServer.start();
const pid = server.pid;
const resident = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;
const cpu = () => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

/** One connection that follows as many users as it is told; how many subjects, as ours are. */
async function open(): Promise<Socket> {
  const socket = connect(server.port, "127.0.0.1");
  await new Promise((resolve) => socket.once("data", resolve));
  socket.write('CONNECT {"verbose":false}\r\nPING\r\n');
  await new Promise((resolve) => socket.once("data", resolve));
  return socket;
}

const follower = await open();
follower.on("data", () => {});
const before = resident();
const name = (n: number) => `sb.w.${Buffer.from(String(n).padStart(32, "0")).toString("base64url")}`;
for (let n = 0; n < subscriptions; n += 1_000) {
  const lines = Array.from({ length: 1_000 }, (_, i) => `SUB ${name(n + i)} ${n + i}\r\n`).join("");
  if (!follower.write(lines)) await new Promise((resolve) => follower.once("drain", resolve));
}
await Bun.sleep(3_000);
console.log(`memory of a subscription: ${Math.round((resident() - before) / subscriptions)} bytes`);

const hearers = await Promise.all(Array.from({ length: 3 }, open));
let heard = 0;
for (const [n, socket] of hearers.entries()) {
  socket.on("data", (bytes) => {
    heard += bytes.length;
  });
  socket.write(`SUB sb.w.hot ${n}\r\n`);
}
await Bun.sleep(200);
const sender = await open();
const frame = `PUB sb.w.hot ${payload.length}\r\n${payload}\r\n`;
const block = frame.repeat(200);
const [cpuBefore, began] = [cpu(), performance.now()];
while (performance.now() - began < duration)
  if (!sender.write(block)) await new Promise((resolve) => sender.once("drain", resolve));
await Bun.sleep(500);
const size = `MSG sb.w.hot 1 ${payload.length}\r\n${payload}\r\n`.length;
const used = cpu() - cpuBefore;
console.log(
  `deliveries: ${Math.round(heard / size / ((performance.now() - began) / 1_000))} a second, ` +
    `${Math.round(heard / size / used)} in a second of its CPU`,
);
await server.kill();
process.exit(0);
