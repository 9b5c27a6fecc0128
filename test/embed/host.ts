// A server of an application, of one of the kinds that docs/embedding.md shows, with another WebSocket server beside the switchboard.
// Run: host.ts KIND FOLDER-OF-PEERS. Prints its port; closes when a line comes in.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { Hono } from "hono";
import { WebSocketServer } from "ws";
import { createSwitchboard } from "../../src/main.ts";

const [kind = "", peers = ""] = process.argv.slice(2);
const load = createRequire(`${peers}/package.json`);

const switchboard = await createSwitchboard({
  ...{ listen: false, path: "/rtc", dev: true, drain: 500, log: { level: "error", format: "json" } },
  ...{ turn: { embedded: false }, media: { enabled: false } },
  authorize: async ({ type, from, to }) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (type === "call" && to === "support") return [{ ring: "bob", for: 20_000 }];
    return !(type === "call" && from.user === "mallory") || { allow: false, reason: "not you" };
  },
});

/** Of `ws`: it refuses every upgrade that is not for its path. */
function echoBeside(server: object): void {
  const sockets = new WebSocketServer({ server: server as never, path: "/other" });
  sockets.on("connection", (ws) => ws.on("message", (data) => ws.send(`echo ${data}`)));
}

const echo = {
  message: (ws: { send(text: string): void }, text: string) => void ws.send(`echo ${text}`),
};

let port = 0;
let close: () => unknown;
switch (kind) {
  case "node": {
    const server = createServer((_request, response) => response.end("host"));
    switchboard.attach(server);
    echoBeside(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as { port: number }).port;
    close = () => server.close();
    break;
  }
  case "express": {
    const app = load("express")();
    app.get("/hello", (_request: unknown, response: { send(text: string): void }) => response.send("host"));
    const server = app.listen(0, "127.0.0.1");
    switchboard.attach(server);
    const { Server } = load("socket.io");
    const io = new Server(server);
    // biome-ignore lint/suspicious/noExplicitAny: socket.io's types are not installed
    io.on("connection", (socket: any) =>
      socket.on("say", (text: string) => socket.emit("said", `echo ${text}`)),
    );
    await new Promise((resolve) => (server.listening ? resolve(0) : server.once("listening", resolve)));
    port = server.address().port;
    close = () => io.close();
    break;
  }
  case "fastify": {
    const app = load("fastify")();
    app.get("/hello", async () => "host");
    switchboard.attach(app);
    echoBeside(app.server);
    await app.listen({ port: 0, host: "localhost" });
    port = app.server.address().port;
    close = () => app.close();
    break;
  }
  case "hono": {
    const app = new Hono().get("/hello", (context) => context.text("host"));
    const server = load("@hono/node-server").serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
    switchboard.attach(server);
    echoBeside(server);
    await new Promise((resolve) => (server.listening ? resolve(0) : server.once("listening", resolve)));
    port = server.address().port;
    close = () => server.close();
    break;
  }
  default: {
    const app = new Hono().get("/hello", (context) => context.text("host"));
    const server = Bun.serve({
      ...{ port: 0, hostname: "127.0.0.1" },
      fetch: (request, host) => {
        const answer = switchboard.fetch(request, host as never);
        if (answer !== undefined) return answer;
        if (new URL(request.url).pathname === "/other")
          return host.upgrade(request, { data: {} as never })
            ? undefined
            : new Response(null, { status: 400 });
        return kind === "hono-bun" ? app.fetch(request, host) : new Response("host");
      },
      websocket: switchboard.websocket(echo),
    });
    switchboard.attach(server);
    port = server.port ?? 0;
    close = () => server.stop();
  }
}

console.log(JSON.stringify({ port }));
createInterface({ input: process.stdin }).once("line", async () => {
  await close();
  process.stdin.destroy();
});
