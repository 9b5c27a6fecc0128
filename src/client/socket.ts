import type { Transport, TransportEvents } from "./api.ts";
import { parse } from "./transport.ts";

/** Opens a WebSocket to the server's address (http(s) or ws(s)). */
export function openSocket(server: string, events: TransportEvents): Transport {
  const url = new URL("ws", server);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url, "switchboard.v1");
  socket.onopen = () => events.opened();
  socket.onclose = ({ code, reason }) => events.closed(code, reason);
  socket.onmessage = ({ data }) => {
    const frame = parse(String(data));
    if (frame) events.frame(frame);
    else socket.close(4100);
  };
  return {
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
    },
    close: (code) => socket.close(code),
  };
}

/** Opens the fallback. Its code is loaded on demand, because few need it. */
export function openHttp(server: string, events: TransportEvents): Transport {
  let transport: Transport | undefined;
  let closed = false;
  import("./http-socket.ts").then(
    ({ HttpTransport }) => {
      if (closed) return;
      transport = new HttpTransport(server, events);
      events.opened();
    },
    () => closed || events.closed(1006, ""),
  );
  return {
    send: (frame) => transport?.send(frame),
    close: (code) => {
      closed = true;
      transport?.close(code);
    },
  };
}
