import { until } from "../../support/until.ts";

export interface RawStreamOptions {
  readonly service: string;
  readonly domain: string;
  readonly user: string;
  readonly resource: string;
  password(user: string): string;
}

/** A client of RFC 7395 that sends texts as they are, and tells what came. It signs in by PLAIN. */
export class RawStream {
  readonly #socket: WebSocket;
  readonly #heard: string[] = [];
  /** What was asked for begins there. */
  #at = 0;
  #closed = false;
  #pings = 0;

  private constructor(service: string) {
    this.#socket = new WebSocket(service, "xmpp");
    this.#socket.onmessage = ({ data }) => this.#heard.push(String(data));
    this.#socket.onclose = () => {
      this.#closed = true;
    };
  }

  /** Signed in, with its resource and without presence. */
  static async open({ service, domain, user, resource, password }: RawStreamOptions): Promise<RawStream> {
    const stream = new RawStream(service);
    await until(() => stream.#socket.readyState === WebSocket.OPEN, 30_000);
    const hello = `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${domain}" version="1.0"/>`;
    const initial = Buffer.from(`\0${user}\0${password(user)}`).toString("base64");
    for (const [text, answer] of [
      [hello, "mechanisms"],
      [`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${initial}</auth>`, "<success"],
      [hello, "xmpp-bind"],
      [
        `<iq xmlns="jabber:client" type="set" id="b"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>${resource}</resource></bind></iq>`,
        "<jid>",
      ],
    ] as const) {
      stream.send(text);
      if ((await stream.next((one) => one.includes(answer))) === undefined)
        throw new Error(`no ${answer}: ${stream.#heard.join("\n")}`);
    }
    return stream;
  }

  send(text: string): void {
    if (text !== "") this.#socket.send(text);
  }

  /** The next text that fits; undefined where the stream is closed first, or none comes for long. */
  async next(fits: (text: string) => boolean): Promise<string | undefined> {
    const end = Date.now() + 30_000;
    for (;;) {
      while (this.#at < this.#heard.length) {
        const text = this.#heard[this.#at++] ?? "";
        if (fits(text)) return text;
      }
      if (Date.now() > end || this.#closed) return undefined;
      await Bun.sleep(10);
    }
  }

  /** What comes of that kind before the server, which keeps the order, answers a ping that is sent now. */
  async before(fits: (text: string) => boolean): Promise<string | undefined> {
    this.#pings += 1;
    const id = `ping-${this.#pings}`;
    this.send(`<iq xmlns="jabber:client" type="get" id="${id}"><ping xmlns="urn:xmpp:ping"/></iq>`);
    const text = await this.next((one) => fits(one) || one.includes(id));
    return text?.includes(id) === true ? undefined : text;
  }

  /** How the stream ends: the condition of its error, `closed` without one, or `goes on`. */
  async end(): Promise<string> {
    const text = await this.before(
      (one) => /<(?:\w+:)?(?:error|close)\b/.test(one) && !/^<(iq|message)/.test(one),
    );
    const error = /<(?:\w+:)?error\b[^>]*>\s*<([\w-]+)/.exec(text ?? "")?.[1];
    this.close();
    return error ?? (text === undefined ? "goes on" : "closed");
  }

  close(): void {
    this.#socket.close();
  }
}
