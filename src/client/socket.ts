import type { Json } from "./link.ts";

/** One transport under the link: a WebSocket, or HTTP where that is blocked. */
export interface Transport {
  send(frame: Json): void;
  close(code: number): void;
}

export interface TransportEvents {
  opened(): void;
  frame(frame: Json): void;
  /** Told once; 1006 when there was no close from the other side. */
  closed(code: number, reason: string): void;
}

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

/** A frame, or undefined for what is none: something between here and the server changed it. */
export function parse(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}
