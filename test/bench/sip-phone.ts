import { createHash, createHmac } from "node:crypto";
import { connect, type Socket } from "node:net";

const end = "\r\n\r\n";

/** A description of sound alone, with its candidate, as phones that know no trickle send it. */
const sdp = [
  "v=0",
  "o=- 1 1 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "c=IN IP4 127.0.0.1",
  "a=mid:0",
  "a=rtcp-mux",
  "a=ice-ufrag:load",
  "a=ice-pwd:a-password-of-the-load-generator",
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => "00").join(":")}`,
  "a=setup:actpass",
  "a=rtpmap:111 opus/48000/2",
  "a=candidate:1 1 udp 2113929471 127.0.0.1 9 typ host",
  "a=end-of-candidates",
  "",
].join("\r\n");

/** The secret of a device in `switchboard credential`'s derivation. */
const secretOf = (user: string, key: string) =>
  createHmac("sha256", key).update(`${user}:1`).digest("base64url");

/** A SIP phone for load, on a raw socket: it places one call after the other, or answers every INVITE at once. */
export class SipPhone {
  readonly user: string;
  readonly #socket: Socket;
  readonly #domain: string;
  #pending = "";
  #sequence = 1;
  #call = 0;
  #began = 0;
  /** An INVITE was answered after so many ms. */
  onAnswered: (ms: number) => void = () => {};
  #heard: (response: string) => void = () => {};

  private constructor(user: string, port: number, socket: Socket) {
    this.user = user;
    this.#domain = `127.0.0.1:${port}`;
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.setNoDelay(true);
    socket.on("data", (text: string) => this.#data(text));
  }

  static connect(port: number, user: string): Promise<SipPhone> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new SipPhone(user, port, socket)));
      socket.once("error", reject);
    });
  }

  /** Registers with the secret that is derived from the server's key. */
  async register(key: string): Promise<void> {
    const challenge = await this.#ask("");
    const [realm, nonce] = [/realm="([^"]+)"/, /nonce="([^"]+)"/].map((one) => one.exec(challenge)?.[1]);
    const md5 = (text: string) => createHash("md5").update(text).digest("hex");
    const uri = `sip:${this.#domain}`;
    const ha1 = md5(`${this.user}:${realm}:${secretOf(this.user, key)}`);
    const response = md5(`${ha1}:${nonce}:00000001:c:auth:${md5(`REGISTER:${uri}`)}`);
    const answer = await this.#ask(
      `Authorization: Digest username="${this.user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=MD5, qop=auth, cnonce="c", nc=00000001\r\n`,
    );
    if (!answer.startsWith("SIP/2.0 200")) throw new Error(answer);
  }

  /** Calls this user again and again: INVITE, 200, ACK, BYE, 200, and the next. */
  callForEver(user: string): void {
    const uri = `sip:${user}@${this.#domain}`;
    let invited = 0;
    const next = (): void => {
      this.#call += 1;
      this.#began = performance.now();
      this.#send("INVITE", uri, uri, "", sdp);
      invited = this.#sequence;
    };
    this.#heard = (response) => {
      if (response.startsWith("SIP/2.0 1")) return;
      if (!response.startsWith("SIP/2.0 200")) throw new Error(response);
      if (response.includes(`CSeq: ${this.#sequence} BYE`)) next();
      // A 200 comes again where the server or the machine is late; it counts once.
      if (!response.includes(`CSeq: ${invited} INVITE`)) return;
      const sequence = invited;
      invited = 0;
      this.onAnswered(performance.now() - this.#began);
      const to = header(response, "To").replace(/^<[^>]+>/, "");
      const target = /<([^>]+)>/.exec(header(response, "Contact"))?.[1] ?? uri;
      this.#send("ACK", target, uri, to, "", sequence);
      this.#send("BYE", target, uri, to, "");
    };
    next();
  }

  #ask(more: string): Promise<string> {
    const own = `sip:${this.user}@${this.#domain}`;
    const answered = new Promise<string>((resolve) => {
      this.#heard = resolve;
    });
    this.#send("REGISTER", `sip:${this.#domain}`, own, "", "", undefined, more);
    return answered;
  }

  #send(
    method: string,
    uri: string,
    to: string,
    tag: string,
    body: string,
    sequence?: number,
    more = "",
  ): void {
    if (sequence === undefined) this.#sequence += 1;
    const cseq = sequence ?? this.#sequence;
    const content = body === "" ? "" : "Content-Type: application/sdp\r\n";
    this.#socket.write(
      `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/TCP ${this.user}.invalid;branch=z9hG4bK${this.user}-${cseq}${method}\r\nMax-Forwards: 70\r\n` +
        `From: <sip:${this.user}@${this.#domain}>;tag=${this.user}\r\nTo: <${to}>${tag}\r\nCall-ID: ${this.user}-${this.#call}\r\n` +
        `CSeq: ${cseq} ${method}\r\n${this.#contact}${more}${content}Content-Length: ${body.length}${end}${body}`,
      "latin1",
    );
  }

  get #contact(): string {
    return `Contact: <sip:${this.user}@${this.user}.invalid;transport=tcp>\r\n`;
  }

  #data(text: string): void {
    let rest = this.#pending + text;
    for (;;) {
      const head = rest.indexOf(end);
      if (head < 0) break;
      const message = rest.slice(0, head + 2);
      const size = head + end.length + Number(header(message, "Content-Length"));
      if (rest.length < size) break;
      rest = rest.slice(size);
      if (message.startsWith("SIP/2.0 ")) this.#heard(message);
      else if (!message.startsWith("ACK ")) this.#answer(message);
    }
    this.#pending = rest;
  }

  #answer(request: string): void {
    const invited = request.startsWith("INVITE ");
    const lines = ["Via", "From", "To", "Call-ID", "CSeq"].map((name) => {
      const value = header(request, name);
      return `${name}: ${name === "To" && !value.includes(";tag=") ? `${value};tag=${this.user}` : value}\r\n`;
    });
    const body = invited ? sdp.replace("actpass", "active") : "";
    const content = invited ? "Content-Type: application/sdp\r\n" : "";
    this.#socket.write(
      `SIP/2.0 200 OK\r\n${lines.join("")}${this.#contact}${content}Content-Length: ${body.length}${end}${body}`,
      "latin1",
    );
  }
}

function header(message: string, name: string): string {
  const at = message.indexOf(`\r\n${name}: `);
  return at < 0 ? "" : message.slice(at + name.length + 4, message.indexOf("\r\n", at + 2));
}
