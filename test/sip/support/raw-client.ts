import { createHash } from "node:crypto";
import { eventually } from "./parties.ts";

/** A client that says exactly what a test wants said, over a WebSocket. */
export class RawClient {
  readonly heard: string[] = [];
  closed: number | undefined;
  readonly #socket: WebSocket;
  readonly #open: Promise<void>;
  #count = 0;
  readonly name = Math.random().toString(36).slice(2, 10);

  readonly #parameters: string;

  /** `parameters`: what its Contact says beside where it is, such as `+sip.instance="<urn:uuid:…>"`. */
  constructor(url: string, protocol = "sip", parameters = "") {
    this.#parameters = parameters === "" ? "" : `;${parameters}`;
    this.#socket = new WebSocket(`${url.replace("http", "ws")}/sip`, protocol);
    this.#socket.onmessage = ({ data }) => this.heard.push(String(data));
    this.#socket.onclose = ({ code }) => {
      this.closed = code;
    };
    this.#open = new Promise((resolve, reject) => {
      this.#socket.onopen = () => resolve();
      this.#socket.onerror = () => reject(new Error("no connection"));
    });
  }

  async say(text: string): Promise<void> {
    await this.#open;
    this.#socket.send(text);
  }

  /** A request with what every request must have. `more`: further header lines. */
  async ask(
    method: string,
    uri: string,
    { from = "", to = "", more = [] as string[], body = "", callId = "", branch = "" } = {},
  ): Promise<string> {
    this.#count += 1;
    const id = callId || `${this.name}-${this.#count}`;
    const lines = [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/WS ${this.name}.invalid;branch=${branch || `z9hG4bK${this.name}${this.#count}`}`,
      "Max-Forwards: 70",
      `From: <${from || "sip:alice@switchboard.test"}>;tag=${this.name}`,
      `To: ${to || `<${uri}>`}`,
      `Call-ID: ${id}`,
      `CSeq: ${this.#count} ${method}`,
      ...more,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    await this.say(`${lines.join("\r\n")}\r\n\r\n${body}`);
    return id;
  }

  /** The final response to what was asked under this Call-ID; the newest. */
  async answer(callId: string, count = 1): Promise<string> {
    const finals = () =>
      this.heard.filter((text) => text.includes(`Call-ID: ${callId}\r\n`) && /^SIP\/2.0 [2-6]/.test(text));
    await eventually(`an answer to ${callId}`, async () => finals().length >= count);
    return finals().at(-1) ?? "";
  }

  get contact(): string {
    return `Contact: <sip:${this.name}@${this.name}.invalid;transport=ws>${this.#parameters}`;
  }

  /** Registers, and answers with the Authorization that it proved itself with. */
  async register(user: string, password = `dev:${user}`): Promise<string> {
    const uri = "sip:switchboard.test";
    const party = {
      from: `sip:${user}@switchboard.test`,
      to: `<sip:${user}@switchboard.test>`,
      callId: `r-${this.name}`,
    };
    const more = [this.contact, "Expires: 600"];
    await this.ask("REGISTER", uri, { ...party, more });
    const challenge = await this.answer(party.callId);
    const authorization = authorize("REGISTER", uri, user, password, challenge);
    await this.ask("REGISTER", uri, { ...party, more: [...more, authorization] });
    const answer = await this.answer(party.callId, 2);
    if (!answer.startsWith("SIP/2.0 200")) throw new Error(answer.split("\r\n")[0]);
    return authorization;
  }

  close(): void {
    this.#socket.close();
  }
}

/** The Authorization header for a challenge: MD5, as JsSIP and SIP.js have it. */
function authorize(method: string, uri: string, user: string, password: string, challenge: string): string {
  const nonce = /nonce="([^"]+)"/.exec(challenge)?.[1] ?? "";
  const realm = /realm="([^"]+)"/.exec(challenge)?.[1] ?? "";
  const md5 = (text: string) => createHash("md5").update(text).digest("hex");
  const cnonce = Math.random().toString(36).slice(2);
  const nc = "00000001";
  const response = md5(
    `${md5(`${user}:${realm}:${password}`)}:${nonce}:${nc}:${cnonce}:auth:${md5(`${method}:${uri}`)}`,
  );
  return `Authorization: Digest algorithm=MD5, username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", qop=auth, cnonce="${cnonce}", nc=${nc}`;
}
