import wrtc from "@roamhq/wrtc";
import { eventually } from "./parties.ts";
import { RawClient } from "./raw-client.ts";

const abilities = ["Supported: trickle-ice", "Recv-Info: trickle-ice"];
const fragmentType = "application/trickle-ice-sdpfrag";

/** A SIP phone with real media (libwebrtc) that sends and takes its candidates by INFO and in no other way (RFC 8840). */
export class TricklePhone {
  readonly sip: RawClient;
  readonly pc = new wrtc.RTCPeerConnection();
  /** Every description that it has sent and received, and every fragment. */
  readonly sent: string[] = [];
  readonly got: string[] = [];
  readonly fragments = { sent: [] as string[], got: [] as string[] };
  #dialog:
    | { readonly callId: string; readonly from: string; readonly to: string; readonly target: string }
    | undefined;
  #local: RTCIceCandidate[] = [];
  #taken = new Set<string>();
  #read = 0;
  #underway: Promise<void> = Promise.resolve();
  #failed: unknown;
  #sequence = 100;

  constructor(url: string) {
    this.sip = new RawClient(url);
    this.pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.#local.push(candidate);
      void this.#inform(candidate === null);
    };
  }

  /** Calls; resolves when the other end has answered. */
  async call(to: string, user: string): Promise<void> {
    const uri = `sip:${to}@switchboard.test`;
    const from = `sip:${user}@switchboard.test`;
    await this.pc.setLocalDescription(await this.pc.createOffer());
    const body = this.#bare();
    const more = [this.sip.contact, ...abilities, "Require: trickle-ice", "Content-Type: application/sdp"];
    const callId = await this.sip.ask("INVITE", uri, { from, more, body });
    const ok = await this.sip.answer(callId);
    if (!ok.startsWith("SIP/2.0 200")) throw new Error(ok);
    await this.#answered(ok, callId, from);
    const sequence = /^CSeq: (\d+)/m.exec(ok)?.[1] ?? "";
    await this.#request("ACK", { sequence });
    await this.#inform(false);
    this.#listen();
  }

  async #answered(ok: string, callId: string, from: string): Promise<void> {
    this.#dialog = { callId, from, to: field(ok, "To"), target: target(ok) };
    await this.#describe("answer", sdpOf(ok));
  }

  /** Waits for a call, and answers it. */
  async answer(): Promise<void> {
    const ringing = () => this.sip.heard.find((text) => text.startsWith("INVITE "));
    await eventually("a ring", async () => ringing() !== undefined);
    const invite = ringing() ?? "";
    const tag = this.sip.name;
    this.#dialog = {
      callId: field(invite, "Call-ID"),
      from: `${field(invite, "To").replace(/^<|>$/g, "")}`,
      to: field(invite, "From"),
      target: target(invite),
    };
    await this.#describe("offer", sdpOf(invite));
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    const more = [this.sip.contact, ...abilities, "Content-Type: application/sdp"];
    await this.#respond(invite, "200 OK", { tag, more, body: this.#bare() });
    await eventually("the ACK", async () => this.sip.heard.some((text) => text.startsWith("ACK ")));
    await this.#inform(false);
    this.#listen();
  }

  async hangup(): Promise<void> {
    await this.#request("BYE");
  }

  close(): void {
    clearInterval(this.#timer);
    this.pc.close();
    this.sip.close();
    if (this.#failed !== undefined) throw this.#failed;
  }

  #timer: ReturnType<typeof setInterval> | undefined;

  /** Takes the requests of the server, in their order. */
  #listen(): void {
    this.#timer = setInterval(() => {
      for (const text of this.sip.heard.slice(this.#read)) {
        this.#read++;
        if (/^(INFO|BYE|OPTIONS|INVITE) /.test(text))
          this.#underway = this.#underway
            .then(() => this.#take(text))
            .catch((error) => {
              this.#failed = error;
            });
      }
    }, 10);
  }

  async #take(text: string): Promise<void> {
    if (text.startsWith("INVITE ")) return;
    if (text.startsWith("INFO ")) {
      const body = text.slice(text.indexOf("\r\n\r\n") + 4);
      this.fragments.got.push(body);
      const ufrag = /^a=ice-ufrag:(\S+)/m.exec(body)?.[1] ?? "";
      for (const [, sdpMid = "", lines = ""] of body.matchAll(
        /a=mid:(\S+)\r\n((?:a=(?:candidate:.*|end-of-candidates)\r\n)*)/g,
      ))
        for (const [, candidate = ""] of lines.matchAll(/^a=(candidate:.*)\r$/gm)) {
          if (this.#taken.has(candidate)) continue;
          this.#taken.add(candidate);
          await this.pc.addIceCandidate({ candidate, sdpMid, usernameFragment: ufrag });
        }
    }
    await this.#respond(text, "200 OK", { more: [] });
  }

  /** All candidates so far (§4.4), once there is a dialog to say them in. */
  async #inform(complete: boolean): Promise<void> {
    if (this.#dialog === undefined || this.#local.length === 0) return;
    const sdp = this.pc.localDescription?.sdp ?? "";
    const value = (name: string) => new RegExp(`a=${name}:(\\S+)`).exec(sdp)?.[1];
    const mids = new Set(this.#local.map(({ sdpMid }) => sdpMid));
    const sections = [...mids].map((name) => {
      const lines = this.#local
        .filter(({ sdpMid }) => sdpMid === name)
        .map(({ candidate }) => `a=${candidate}\r\n`);
      return `m=audio 9 RTP/AVP 0\r\na=mid:${name}\r\n${lines.join("")}`;
    });
    const end = complete ? "a=end-of-candidates\r\n" : "";
    const body = `a=ice-ufrag:${value("ice-ufrag")}\r\na=ice-pwd:${value("ice-pwd")}\r\n${sections.join("")}${end}`;
    this.fragments.sent.push(body);
    const more = [
      "Info-Package: trickle-ice",
      "Content-Disposition: Info-Package",
      `Content-Type: ${fragmentType}`,
    ];
    await this.#request("INFO", { more, body });
  }

  async #describe(type: "offer" | "answer", sdp: string): Promise<void> {
    this.got.push(sdp);
    await this.pc.setRemoteDescription({ type, sdp });
  }

  /** The local description without a candidate. */
  #bare(): string {
    const sdp = (this.pc.localDescription?.sdp ?? "").replace(/a=(candidate:.*|end-of-candidates)\r\n/g, "");
    this.sent.push(sdp);
    return sdp;
  }

  async #request(method: string, { sequence = "", more = [] as string[], body = "" } = {}): Promise<void> {
    const dialog = this.#dialog;
    if (dialog === undefined) throw new Error("no dialog");
    this.#sequence += 1;
    const number = sequence || String(this.#sequence);
    const { callId, from, to, target } = dialog;
    const lines = [
      `${method} ${target} SIP/2.0`,
      `Via: SIP/2.0/WS ${this.sip.name}.invalid;branch=z9hG4bK${this.sip.name}-${method}-${this.#sequence}`,
      "Max-Forwards: 70",
      `From: <${from}>;tag=${this.sip.name}`,
      `To: ${to}`,
      `Call-ID: ${callId}`,
      `CSeq: ${number} ${method}`,
      this.sip.contact,
      ...more,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    await this.sip.say(`${lines.join("\r\n")}\r\n\r\n${body}`);
  }

  async #respond(
    request: string,
    status: string,
    { tag = "", more = [] as string[], body = "" },
  ): Promise<void> {
    const to = field(request, "To");
    const lines = [
      `SIP/2.0 ${status}`,
      `Via: ${field(request, "Via")}`,
      `From: ${field(request, "From")}`,
      `To: ${tag === "" || to.includes("tag=") ? to : `${to};tag=${tag}`}`,
      `Call-ID: ${field(request, "Call-ID")}`,
      `CSeq: ${field(request, "CSeq")}`,
      ...more,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    await this.sip.say(`${lines.join("\r\n")}\r\n\r\n${body}`);
  }
}

function field(text: string, name: string): string {
  return new RegExp(`^${name}: (.*)\\r$`, "m").exec(text)?.[1] ?? "";
}

function target(text: string): string {
  return /<([^>]+)>/.exec(field(text, "Contact"))?.[1] ?? "";
}

function sdpOf(text: string): string {
  return text.slice(text.indexOf("\r\n\r\n") + 4);
}
