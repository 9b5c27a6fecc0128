/**
 * The floor of relaying on this machine and runtime: Bun's own server, set up as ours is, which passes what a device says on
 * to its partner as it came. It reads, checks, counts and keeps nothing. It signs devices in as the PeerJS server does, so
 * that the same load fits both: `peer0` and `peer1` are partners, and so on.
 */
const devices: (Bun.ServerWebSocket<number> | undefined)[] = [];

Bun.serve<number>({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  development: false,
  fetch(request, server) {
    const id = new URL(request.url).searchParams.get("id") ?? "";
    return server.upgrade(request, { data: Number(id.slice("peer".length)) })
      ? undefined
      : new Response("a WebSocket is expected", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    sendPings: false,
    open: (ws) => {
      devices[ws.data] = ws;
      ws.send('{"type":"OPEN"}');
    },
    message: (ws, message) => {
      devices[ws.data ^ 1]?.send(message);
    },
  },
});
