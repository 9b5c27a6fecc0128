// Handshakes that are begun and never finished: npm run soak -- half-open --help
import { parseArgs } from "node:util";
import { bindUdp } from "../../src/net/udp.ts";
import { residentBytes } from "../bench/bench-process.ts";
import { startPublisher, startWorker } from "../bench/media-live.ts";
import { viewedTracks } from "../bench/media-source.ts";
import { openViewers } from "../bench/media-viewers.ts";
import { TestPeer } from "../media/support/test-peer.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "100000" }, help: { type: "boolean", default: false } },
});
if (values.help) {
  console.log(`Peers that prove their address, begin DTLS and fall silent, at one media worker: npm run soak -- half-open [options]
Beside them somebody views, and somebody joins at each tenth. Fails where a viewer's packets stop, nobody can join, or memory rises for ever.

  --count N     handshakes (default 100000)`);
  process.exit(0);
}
const count = Number(values.count);
/** Sockets that are open at a time, addresses that they are spread over, and peers that begin at a time. */
const [mostSockets, addresses, atATime] = [4_000, 64, 16];
/** Until somebody who joins has keys. ms */
const patience = 20_000;
const [firstInnocent, firstAttacker] = [10, 1_000];

const subject = await startWorker("gso");
const { worker, pid } = subject;
const stopPublisher = await startPublisher(subject);
const [watcher] = await openViewers(worker, subject.viewers, 1, firstInnocent, 1);
const opened = new Map<number, () => void>();
subject.opened = (peer) => {
  opened.get(peer)?.();
  opened.delete(peer);
};
const sockets: { close(): void }[] = [];
let [begun, refused, failed] = [0, 0, false];
subject.refused = (peer) => {
  refused++;
  opened.delete(peer);
};

/** Begins one handshake, and answers once the worker was asked for it. */
async function attack(number: number): Promise<void> {
  const host = number % addresses;
  const socket = await bindUdp({
    address: `127.1.${host}.1`,
    port: 0,
    receive: (bytes) => {
      // It proves that it receives at its address, which is what makes it dear; of DTLS it reads nothing.
      if ((bytes[0] ?? 64) > 3) return;
      const first = peer.mapped.length === 0;
      peer.receive(bytes, performance.now());
      if (!first || peer.mapped.length === 0) return;
      begun++;
      peer.dtls.start(performance.now());
    },
  });
  sockets.push(socket);
  while (sockets.length > mostSockets) sockets.shift()?.close();
  const target = socket.target(worker.started.udpPort, "127.0.0.1");
  const send = (bytes: Uint8Array) => void socket.sendPart(bytes, bytes.length, target);
  const peer = new TestPeer(number, "server", send, { fingerprint: worker.started.fingerprint });
  await new Promise<void>((resolve) => {
    opened.set(number, () => {
      peer.send(peer.check());
      resolve();
    });
    worker.post({
      ...{ type: "view", peer: number, stream: "bench" },
      ...{ transport: peer.parameters(), tracks: viewedTracks },
    });
    setTimeout(resolve, 1_000);
  });
}

const samples: number[] = [];
let next = 0;
for (let tenth = 1; tenth <= 10; tenth++) {
  const [packets, at] = [watcher?.packets ?? 0, performance.now()];
  const lane = async () => {
    while (next < (count * tenth) / 10) await attack(firstAttacker + next++);
  };
  const began = performance.now();
  const joining = openViewers(worker, subject.viewers, 1, firstInnocent + tenth, 1, { patience }).then(
    () => `joins in ${Math.round(performance.now() - began)} ms`,
    (error: Error) => {
      failed = true;
      return error.message;
    },
  );
  await Promise.all(Array.from({ length: atATime }, lane));
  const joined = await joining;
  const rate = ((watcher?.packets ?? 0) - packets) / ((performance.now() - at) / 1_000);
  if (rate < 100) failed = true;
  samples.push(residentBytes(pid) / 2 ** 20);
  console.log(
    `${next} begun (${begun} got as far as DTLS, ${refused} refused): the viewer gets ${Math.round(rate)} packets/s, another ${joined}, the worker has ${Math.round(samples.at(-1) ?? 0)} MB`,
  );
}
/** Until the last of them is given up: a peer has 30 s to connect. ms */
const givenUp = 60_000;
const left = await new Promise<number>((resolve) => {
  const end = performance.now() + givenUp;
  subject.report = ({ viewers }) => {
    if (viewers <= 11 || performance.now() > end) resolve(viewers);
  };
});
if (left > 11) failed = true;
console.log(`afterwards the worker has ${left} viewers and ${Math.round(residentBytes(pid) / 2 ** 20)} MB`);
const mean = (some: readonly number[]) => some.reduce((sum, one) => sum + one, 0) / some.length;
if (mean(samples.slice(-2)) > 1.25 * mean(samples.slice(2, 5))) failed = true;
console.log(failed ? "failed" : "nobody was harmed");
stopPublisher();
await worker.stop();
process.exit(failed ? 1 : 0);
