/** One transport of the protocol, as a client sees it: text frames both ways, and a close with a code. */
export interface Wire {
  send(text: string): void;
  sendBinary(bytes: Uint8Array<ArrayBuffer>): void;
  /** The client's own close; 1000 ends the link, any other code suspends it. */
  close(code: number): void;
  onText: (text: string) => void;
  onClose: (code: number) => void;
}

export type WireOpener = (url: string) => Promise<Wire>;

/** A WebSocket with the protocol's subprotocol. Rejects when the upgrade is refused. */
export function openWebSocket(url: string): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, "switchboard.v1");
    const early: string[] = [];
    let closedEarly: number | undefined;
    let opened = false;
    const wire: Wire = {
      send: (text) => socket.send(text),
      sendBinary: (bytes) => socket.send(bytes),
      close: (code) => socket.close(code),
      onText: (text) => early.push(text),
      onClose: (code) => {
        closedEarly = code;
      },
    };
    socket.onmessage = ({ data }) => wire.onText(String(data));
    socket.onclose = ({ code }) => {
      if (opened) wire.onClose(code);
      else reject(new Error(`the WebSocket did not open (close code ${code})`));
    };
    socket.onopen = () => {
      opened = true;
      resolve(wire);
      // Whoever awaits the promise sets the handlers first; then hears what came meanwhile.
      setTimeout(() => {
        for (const text of early.splice(0)) wire.onText(text);
        if (closedEarly !== undefined) wire.onClose(closedEarly);
      }, 0);
    };
  });
}
