import {
  type Content,
  contact,
  fromTag,
  type HeaderEntry,
  makeRequest,
  type SipRequest,
  type SipResponse,
  toTag,
} from "./message.ts";
import { type NameAddress, withTag } from "./name-address.ts";
import type { Uri } from "./uri.ts";
import type { Via } from "./via.ts";

/** The parts of a request in a dialog that the dialog does not know. */
export interface InDialog {
  readonly via: Via;
  readonly headers?: Iterable<HeaderEntry>;
  readonly body?: Content;
  /** For an ACK: the sequence number of its INVITE. Other requests get the next number. */
  readonly sequence?: number;
}

interface DialogParts {
  readonly callId: string;
  readonly local: NameAddress;
  readonly remote: NameAddress;
  readonly routes: readonly string[];
  readonly target: Uri;
  readonly localSequence: number;
  readonly remoteSequence: number | undefined;
}

/** A dialog (RFC 3261 §12): the two user agents, the route and target of requests, and their order. */
export class Dialog {
  readonly callId: string;
  /** The From of our requests, with our tag, and their To, with the other tag. */
  readonly local: NameAddress;
  readonly remote: NameAddress;
  readonly #routes: readonly string[];
  target: Uri;
  #localSequence: number;
  #remoteSequence: number | undefined;

  private constructor(parts: DialogParts) {
    this.callId = parts.callId;
    this.local = parts.local;
    this.remote = parts.remote;
    this.#routes = parts.routes;
    this.target = parts.target;
    this.#localSequence = parts.localSequence;
    this.#remoteSequence = parts.remoteSequence;
  }

  /** The dialog that a request opens at the server (§12.1.1). Undefined without From tag or Contact. */
  static ofServer(request: SipRequest, tag: string): Dialog | undefined {
    const target = contact(request)?.uri;
    if (target === undefined || fromTag(request) === undefined) return undefined;
    return new Dialog({
      callId: request.callId,
      local: withTag(request.to, tag),
      remote: request.from,
      routes: request.headers.values("Record-Route"),
      target,
      localSequence: 0,
      remoteSequence: request.cseq.sequence,
    });
  }

  /** The dialog that a response opens at the client (§12.1.2). Undefined without To tag or Contact. */
  static ofClient(request: SipRequest, response: SipResponse): Dialog | undefined {
    const target = contact(response)?.uri;
    if (target === undefined || toTag(response) === undefined) return undefined;
    return new Dialog({
      callId: request.callId,
      local: request.from,
      remote: response.to,
      routes: response.headers.values("Record-Route").reverse(),
      target,
      localSequence: request.cseq.sequence,
      remoteSequence: undefined,
    });
  }

  /** Identifies the dialog within this node. */
  get key(): string {
    return dialogKey(this.callId, this.local.parameters.get("tag"), this.remote.parameters.get("tag"));
  }

  get localSequence(): number {
    return this.#localSequence;
  }

  /** False for a request that is older than one that came before (§12.2.2). */
  inOrder({ method, cseq }: SipRequest): boolean {
    if (method === "ACK" || method === "CANCEL") return true;
    if (this.#remoteSequence !== undefined && cseq.sequence < this.#remoteSequence) return false;
    this.#remoteSequence = cseq.sequence;
    return true;
  }

  /** Takes the target of an INVITE or UPDATE, or of the 2xx to one (§12.2, RFC 3311 §5). */
  refresh(message: SipRequest | SipResponse): void {
    const uri = contact(message)?.uri;
    if (uri !== undefined) this.target = uri;
  }

  /** Makes a request in the dialog (§12.2.1.1). Routes are loose: strict routers of RFC 2543 are not supported. */
  request(method: string, { via, headers = [], body, sequence }: InDialog): SipRequest {
    if (sequence === undefined) this.#localSequence += 1;
    return makeRequest({
      method,
      uri: this.target,
      via,
      from: this.local,
      to: this.remote,
      callId: this.callId,
      sequence: sequence ?? this.#localSequence,
      headers: [...this.#routes.map((route) => ["Route", route] as const), ...headers],
      ...(body === undefined ? {} : { body }),
    });
  }
}

/** The key of the dialog that a request is in (its To tag is ours). Undefined for a request outside of a dialog. */
export function dialogOf(request: SipRequest): string | undefined {
  const tag = toTag(request);
  return tag === undefined ? undefined : dialogKey(request.callId, tag, fromTag(request));
}

function dialogKey(callId: string, local: string | undefined, remote: string | undefined): string {
  return `${local ?? ""} ${remote ?? ""} ${callId}`;
}
