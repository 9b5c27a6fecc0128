// Our server as a program of its own: serve.ts OPTIONS-AS-JSON. Writes one line of JSON when it listens, and its numbers at the
// end of its standard input.
import { startTurn } from "../../../src/turn/server.ts";

const turn = await startTurn(JSON.parse(process.argv[2] ?? "{}"));
console.log(JSON.stringify({ pid: process.pid, ports: turn.ports, selfTest: await turn.selfTest() }));
process.stdin.resume();
process.stdin.on("end", async () => {
  console.log(JSON.stringify(turn.stats()));
  await turn.stop();
  process.exit(0);
});
