import type { Wire } from "./wire.ts";

/** The address of the HTTP fallback beside a WebSocket address. */
export function linkUrl(websocketUrl: string): string {
  const url = new URL(websocketUrl);
  url.protocol = url.protocol === "wss:" ? "https:" : "http:";
  url.pathname = url.pathname.replace(/[^/]*$/, "link");
  return url.href;
}

/**
 * The HTTP fallback as a {@link Wire}: the first text is the hello and opens the transport; from then on one GET
 * is always outstanding, and one POST at a time.
 */
export async function openHttp(websocketUrl: string): Promise<Wire> {
  const url = linkUrl(websocketUrl);
  let secret = "";
  let over = false;
  let posts: Promise<void> = Promise.resolve();

  const hear = (body: string) => {
    for (const line of body.split("\n")) if (line !== "" && !over) wire.onText(line);
  };
  const end = (code: number) => {
    if (over) return;
    over = true;
    wire.onClose(code);
  };
  const authorization = () => ({ authorization: `Bearer ${secret}` });

  async function open(hello: string): Promise<void> {
    const response = await fetch(url, { method: "POST", body: hello });
    if (!response.ok) return end(await closeCodeOf(response));
    secret = response.headers.get("switchboard-transport") ?? "";
    hear(await response.text());
    void poll();
  }

  async function poll(): Promise<void> {
    while (!over) {
      const response = await fetch(url, { headers: authorization() }).catch(() => undefined);
      if (response === undefined) return end(1006);
      if (response.status === 200) hear(await response.text());
      else if (response.status !== 204) return end(await closeCodeOf(response));
    }
  }

  async function post(body: string): Promise<void> {
    if (over) return;
    const response = await fetch(url, { method: "POST", headers: authorization(), body });
    if (!response.ok) end(await closeCodeOf(response));
  }

  const wire: Wire = {
    send: (text) => {
      posts = posts.then(() => (secret === "" ? open(text) : post(text))).catch(() => end(1006));
    },
    sendBinary: () => {
      throw new Error("the HTTP fallback has no binary frames");
    },
    close: (code) => {
      over = true;
      if (code === 1000)
        void fetch(url, { method: "DELETE", headers: authorization() }).catch(() => undefined);
    },
    onText: () => undefined,
    onClose: () => undefined,
  };
  return wire;
}

async function closeCodeOf(response: Response): Promise<number> {
  const body = (await response.json().catch(() => ({}))) as { close?: number };
  return body.close ?? 1006;
}
