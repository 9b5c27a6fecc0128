import type { Device } from "../../signaling/device.ts";
import type { GatewayPort } from "../../signaling/gateway-port.ts";
import { OwnWords } from "../own-words.ts";
import type { Flow } from "./flow.ts";
import type { SipMessage } from "./message.ts";

/** A call as far as its messages are told. */
interface ToldCall {
  readonly phone: { readonly device: Device | undefined; readonly flow: Flow | undefined };
  /** Empty while there is none. */
  readonly session: string;
}

interface Heard {
  /** Where its first message came from or went to; counts until there is a call. */
  readonly flow: Flow | undefined;
  readonly words: OwnWords;
  call: ToldCall | undefined;
}

/** Calls that are followed at a time, with INVITEs that never become one. The oldest make room. */
const mostCalls = 20_000;

/** Tells the core's observer which SIP messages phones and the gateway exchange in calls, by their Call-ID. */
export class CallWords {
  readonly #core: GatewayPort;
  readonly #heard = new Map<string, Heard>();

  constructor(core: GatewayPort) {
    this.#core = core;
  }

  /** A message came from a phone, or was sent to one. */
  message(message: SipMessage, flow: Flow, isIncoming: boolean, now: number): void {
    if (this.#core.ports.observer?.gatewayMessages === undefined) return;
    let heard = this.#heard.get(message.callId);
    if (heard === undefined) {
      if (message.kind !== "request" || message.method !== "INVITE") return;
      heard = this.#add(message.callId, flow);
    }
    const { call, words } = heard;
    // Whoever else uses that Call-ID has no part in the call.
    if ((call === undefined ? heard.flow : call.phone.flow) !== flow) return;
    const word = message.kind === "request" ? message.method : String(message.status);
    const about =
      message.kind === "response" && message.cseq.method !== "INVITE" ? message.cseq.method : undefined;
    const bytes = message.body.length;
    words.said(call?.phone.device, call?.session ?? "", {
      gateway: "sip",
      at: now,
      isIncoming,
      word,
      ...(bytes > 0 && { bytes }),
      ...(about !== undefined && { note: about }),
    });
  }

  /** This Call-ID belongs to that call, from now on. To be called again when the call has its session. */
  begun(callId: string, call: ToldCall): void {
    if (this.#core.ports.observer?.gatewayMessages === undefined) return;
    const heard = this.#heard.get(callId) ?? this.#add(callId, undefined);
    heard.call = call;
    heard.words.begun(call.phone.device, call.session);
  }

  /** Nothing more comes of it. */
  over(callId: string): void {
    this.#heard.delete(callId);
  }

  #add(callId: string, flow: Flow | undefined): Heard {
    const [oldest] = this.#heard.keys();
    if (this.#heard.size >= mostCalls && oldest !== undefined) this.#heard.delete(oldest);
    const heard = { flow, words: new OwnWords(this.#core), call: undefined };
    this.#heard.set(callId, heard);
    return heard;
  }
}
