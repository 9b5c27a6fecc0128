/** Runs server and client in one process, and tells what came of it. */
export const program = `
import { createSwitchboard } from "switchboard";
import { connect } from "@switchboard/client";
const log = { level: "silent" };
const server = await createSwitchboard({ port: 0, dev: true, log, turn: { embedded: false } });
const page = await fetch(server.url + "/client.js");
const [alice, bob] = ["alice", "bob"].map((user) => connect({ url: server.url, token: "dev:" + user }));
await bob.ready;
const { delivered } = await alice.send("bob", "hello");
console.log(\`page \${page.status}, delivered \${delivered}\`);
await Promise.all([alice.close(), bob.close()]);
await server.stop();
process.exit();
`;

/** The same in a page, whose fragment is the server's address; with a camera, whose code is loaded by itself. */
export const pageProgram = `
import { capture, connect } from "@switchboard/client";
const url = location.hash.slice(1);
const [alice, bob] = ["alice", "bob"].map((user) => connect({ url, token: "dev:" + user }));
await bob.ready;
const { delivered } = await alice.send("bob", "hello");
const { stream } = await capture();
document.title = \`delivered \${delivered}, \${stream.getTracks().map(({ kind }) => kind).sort()}\`;
`;

/** Compiles as it stands; an `@ts-expect-error` is an error itself where a type has become \`any\`. */
export const clientTypes = `
import { capture, connect, SwitchboardError, type Call, type ErrorCode } from "@switchboard/client";
const client = connect({ token: "dev:alice", device: { capabilities: { trickle: false } } });
const media = await capture();
const call: Call = client.call("bob", { media });
const end = await call.ended;
const code: ErrorCode | undefined = end.error?.code;
const known: boolean = end.reason === "answered_elsewhere";
// @ts-expect-error No end has this reason.
const unknown: boolean = end.reason === "bored";
// @ts-expect-error There is no such option.
connect({ token: "dev:alice", tokem: "" });
// @ts-expect-error No error has this code.
SwitchboardError.is(end.error, "bored");
const lobby: boolean | undefined = client.join("standup").policy.lobby;
// @ts-expect-error It is a promise.
const gone: number = client[Symbol.asyncDispose]();
export { code, gone, known, lobby, unknown };
`;

/** The same, for a server in a program of one's own. */
export const serverTypes = `
import { createSwitchboard, type SwitchboardServer } from "switchboard";
import { PeerServer } from "switchboard/peerjs";
import { verifyHook } from "switchboard/server";
const server: SwitchboardServer = await createSwitchboard({
  port: 0,
  dev: true,
  allowedOrigins: ["self"],
  nats: { url: ["nats://127.0.0.1"], tls: { ca: "ca.pem" } },
  rooms: [{ match: "room:*", lobby: true }],
  log: { level: "silent" },
  limits: { links: 10 },
});
const port: number = server.port;
// @ts-expect-error It is a number.
await createSwitchboard({ port: "0" });
// @ts-expect-error There is no such setting.
await createSwitchboard({ prot: 0 });
// @ts-expect-error There is no such level.
await createSwitchboard({ log: { level: "loud" } });
// @ts-expect-error A rule needs \`match\`.
await createSwitchboard({ rooms: [{ lobby: true }] });
// @ts-expect-error There is no such member.
server.prot;
PeerServer({ port: 9_000, path: "/myapp" }).on("connection", (client) => client.getId().length);
// @ts-expect-error There is no such option.
PeerServer({ prot: 9_000 });
const hook = await verifyHook("", new Headers(), "");
const asked: string | undefined = hook.type === "authorize" ? hook.data.to : undefined;
export { asked, port };
`;
