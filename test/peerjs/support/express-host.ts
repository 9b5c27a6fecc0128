// An application of Express with a PeerJS server, such as those that use `peer`. Run: express-host.ts MODULE FOLDER-OF-PEERS, where MODULE is
// `peer` or ours. Prints a line of JSON for its port, and one for each event; closes when a line comes in.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [module = "", peers = ""] = process.argv.slice(2);
const { ExpressPeerServer } = await import(module);
const load = createRequire(`${peers}/package.json`);
const say = (line: object): void => console.log(JSON.stringify(line));

const app = load("express")();
app.get("/health/live", (_request: unknown, response: { send(text: string): void }) => response.send("host"));
const server = app.listen(0, "127.0.0.1");
const { Server } = load("socket.io");
// biome-ignore lint/suspicious/noExplicitAny: socket.io's types are not installed
new Server(server).on("connection", (socket: any) =>
  socket.on("say", (text: string) => socket.emit("said", `echo ${text}`)),
);
const peerServer = ExpressPeerServer(server, { path: "/myapp", allow_discovery: true });
app.use("/peerjs", peerServer);
for (const event of ["connection", "disconnect"])
  peerServer.on(event, (client: { getId(): string }) => say({ event, id: client.getId() }));
peerServer.on("message", (client: { getId(): string }, { type }: { type: string }) => {
  if (type === "OFFER" || type === "ANSWER") say({ event: type, id: client.getId() });
});
peerServer.on("error", (error: Error) => say({ event: "error", message: error.message }));

if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
say({ port: server.address().port });
createInterface({ input: process.stdin }).once("line", () => {
  server.close(() => process.exit(0));
  process.stdin.destroy();
});
