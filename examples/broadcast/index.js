// node examples/broadcast
// A broadcast in one process: a page for whoever sends, a page for those who watch, a chat beside it, and a recording.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createSwitchboard } from "switchboard";

const port = Number(process.env.PORT ?? 3000);
const mediaPort = Number(process.env.MEDIA_PORT ?? 7800);
const key = process.env.STUDIO_KEY ?? randomBytes(9).toString("base64url");
const switchboard = await createSwitchboard({
  listen: false,
  path: "/rtc",
  tokens: { secret: randomBytes(32).toString("base64url") },
  turn: { embedded: false },
  log: { level: "warn", format: "pretty" },
  // Anybody may watch. Publishers are asked for H.264, which HLS can carry to those whom WebRTC doesn't reach.
  media: { port: mediaPort, public: ["show"], hlsStreams: ["show"], record: ["show"] },
});

const files = {
  "/": ["watch.html", "text/html"],
  "/studio": ["studio.html", "text/html"],
  "/chat.js": ["chat.js", "text/javascript"],
  "/style.css": ["style.css", "text/css"],
};

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  if (request.method === "POST" && pathname === "/token") {
    const name = searchParams.get("name") ?? "";
    // A name is who somebody is here: an application of yours knows its users.
    if (!/^\w{1,30}$/.test(name)) response.writeHead(400).end("A name has letters and digits.\n");
    else if (searchParams.has("key") && searchParams.get("key") !== key)
      response.writeHead(403).end("The key is not that of the studio.\n");
    else response.end(await token(name, searchParams.has("key")));
    return;
  }
  const [file, type] = files[pathname] ?? [];
  if (file === undefined) response.writeHead(404).end();
  else
    response
      .setHeader("Content-Type", `${type}; charset=utf-8`)
      .end(readFileSync(new URL(file, import.meta.url)));
});

/** A token for the chat; in the studio also for sending. */
function token(name, studio) {
  const grants = { join: ["room:show"], send: ["room:show"], ...(studio && { publish: ["stream:show"] }) };
  return switchboard.createToken({ user: studio ? `studio-${name}` : `viewer-${name}`, grants });
}

switchboard.attach(server);
server.listen(port, () => {
  console.log(`Send:    http://localhost:${port}/studio#${key}
Watch:   http://localhost:${port}/
Replay:  http://localhost:${port}/rtc/recordings?stream=show`);
});
for (const signal of ["SIGINT", "SIGTERM"])
  process.once(signal, async () => {
    await switchboard.stop();
    process.exit();
  });
