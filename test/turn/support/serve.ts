// Our server as a program of its own: serve.ts OPTIONS-AS-JSON. Writes one line of JSON when it listens, one with its numbers and its
// memory for each line of its standard input, and one with its numbers at the end of it.
import { createInterface } from "node:readline";
import { startTurn } from "../../../src/turn/server.ts";

const turn = await startTurn(JSON.parse(process.argv[2] ?? "{}"));
console.log(JSON.stringify({ pid: process.pid, ports: turn.ports, selfTest: await turn.selfTest() }));
for await (const _line of createInterface({ input: process.stdin })) {
  globalThis.Bun?.gc(true);
  console.log(JSON.stringify({ ...turn.stats(), rss: process.memoryUsage.rss() }));
}
console.log(JSON.stringify(turn.stats()));
await turn.stop();
process.exit(0);
