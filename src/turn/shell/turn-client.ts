import { after } from "../../net/clock.ts";
import { stunCrypto } from "../../net/stun-crypto.ts";
import { attribute } from "../../wire/stun/attribute-type.ts";
import {
  decodeLifetime,
  encodeAddressFamily,
  encodeChannelNumber,
  encodeLifetime,
  encodeRequestedTransport,
} from "../../wire/stun/attribute-values.ts";
import {
  channelDataLength,
  channelHeaderBytes,
  encodeChannelData,
  isChannelData,
} from "../../wire/stun/channel-data.ts";
import { decodeErrorCode, errorCode } from "../../wire/stun/error-code.ts";
import { addFingerprint } from "../../wire/stun/fingerprint.ts";
import { addIntegrity } from "../../wire/stun/integrity.ts";
import { longTermKey } from "../../wire/stun/long-term-key.ts";
import { parseMessage, type StunMessage } from "../../wire/stun/message.ts";
import { method } from "../../wire/stun/message-type.ts";
import { passwordAlgorithm } from "../../wire/stun/password-algorithms.ts";
import { decodeText, encodeText } from "../../wire/stun/text.ts";
import {
  decodeXorAddress,
  encodeXorAddress,
  type Family,
  family,
  type TransportAddress,
} from "../../wire/stun/transport-address.ts";
import { MessageWriter } from "../../wire/stun/writer.ts";

const udp = 17;
/** How often a request is sent, and how long it waits for an answer each time (ms). */
const tries = 3;
const tryFor = 700;

/** A server refused, or did not answer. */
export class TurnClientError extends Error {
  /** The server's error code; 0 if it did not answer. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A minimal TURN client, for the self-test and for diagnosis. */
export class TurnClient {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #username: string;
  readonly #password: string;
  readonly #waiting = new Map<string, (answer: StunMessage) => void>();
  #key: Uint8Array | undefined;
  #realm: Uint8Array | undefined;
  #nonce: Uint8Array | undefined;
  /** Called with what peers send: by a channel's number, or from an address. */
  onData: (payload: Uint8Array, from: TransportAddress | number) => void = () => {};

  constructor(send: (bytes: Uint8Array) => void, username: string, password: string) {
    this.#send = send;
    this.#username = username;
    this.#password = password;
  }

  /** To be called with each message that came from the server. */
  receive(bytes: Uint8Array): void {
    if (isChannelData(bytes[0] ?? 0)) {
      const length = channelDataLength(bytes) ?? 0;
      const channel = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
      this.onData(bytes.subarray(channelHeaderBytes, channelHeaderBytes + length), channel);
      return;
    }
    const message = parseMessage(bytes);
    if (message?.class === "success" || message?.class === "error")
      this.#waiting.get(message.transactionId.join())?.(message);
    if (message?.class !== "indication" || message.method !== method.data) return;
    const payload = message.value(attribute.data);
    const from = decodeXorAddress(
      message.value(attribute.xorPeerAddress) ?? new Uint8Array(),
      message.transactionId,
    );
    if (payload !== undefined && from !== undefined) this.onData(payload, from);
  }

  /** Our address, as the server sees it. */
  async binding(): Promise<TransportAddress> {
    return address(await this.#ask(method.binding, () => {}, false), attribute.xorMappedAddress);
  }

  /** With `additional` an IPv6 relay beside the IPv4 one (RFC 8656 §7.1): `others` then has what the server could give. */
  async allocate(requested?: Family | "additional"): Promise<{
    readonly relayed: TransportAddress;
    readonly others: readonly TransportAddress[];
    readonly lifetime: number;
  }> {
    const answer = await this.#request(method.allocate, (writer) => {
      writer.add(attribute.requestedTransport, encodeRequestedTransport(udp));
      if (requested === "additional")
        writer.add(attribute.additionalAddressFamily, encodeAddressFamily(family.ipv6));
      else if (requested !== undefined)
        writer.add(attribute.requestedAddressFamily, encodeAddressFamily(requested));
    });
    return {
      relayed: address(answer, attribute.xorRelayedAddress),
      others: answer.attributes
        .filter(({ type }) => type === attribute.xorRelayedAddress)
        .slice(1)
        .map(({ value }) => decodeAddressOf(value, answer)),
      lifetime: decodeLifetime(answer.value(attribute.lifetime) ?? new Uint8Array()) ?? 0,
    };
  }

  /** 0 ends the allocation. */
  async refresh(seconds: number): Promise<void> {
    await this.#request(method.refresh, (writer) => writer.add(attribute.lifetime, encodeLifetime(seconds)));
  }

  async permit(peer: TransportAddress): Promise<void> {
    await this.#request(method.createPermission, (writer, id) =>
      writer.add(attribute.xorPeerAddress, encodeXorAddress(peer, id)),
    );
  }

  async bind(channel: number, peer: TransportAddress): Promise<void> {
    await this.#request(method.channelBind, (writer, id) =>
      writer
        .add(attribute.channelNumber, encodeChannelNumber(channel))
        .add(attribute.xorPeerAddress, encodeXorAddress(peer, id)),
    );
  }

  sendTo(peer: TransportAddress, payload: Uint8Array): void {
    const id = stunCrypto.random(12);
    const writer = new MessageWriter(method.send, "indication", id)
      .add(attribute.xorPeerAddress, encodeXorAddress(peer, id))
      .add(attribute.data, payload);
    this.#send(writer.bytes());
  }

  sendByChannel(channel: number, payload: Uint8Array): void {
    this.#send(encodeChannelData(channel, payload, true));
  }

  /** Sends a request; after a challenge, again with credentials. */
  async #request(what: number, fill: Fill): Promise<StunMessage> {
    for (let attempt = 0; ; attempt++)
      try {
        return await this.#ask(what, fill, this.#key !== undefined);
      } catch (error) {
        const again =
          error instanceof Challenge &&
          ((error.code === errorCode.unauthenticated && this.#key === undefined) ||
            error.code === errorCode.staleNonce);
        if (!again || attempt >= 2) throw error;
        this.#learn(error.answer);
      }
  }

  #learn(challenge: StunMessage): void {
    this.#realm = challenge.value(attribute.realm) ?? new Uint8Array();
    this.#nonce = challenge.value(attribute.nonce) ?? new Uint8Array();
    const realm = decodeText(this.#realm) ?? "";
    this.#key = longTermKey(passwordAlgorithm.md5, this.#username, realm, this.#password, stunCrypto);
  }

  #ask(what: number, fill: Fill, signed: boolean): Promise<StunMessage> {
    const id = stunCrypto.random(12);
    const writer = new MessageWriter(what, "request", id);
    fill(writer, id);
    if (signed && this.#key !== undefined) {
      writer.add(attribute.username, encodeText(this.#username));
      writer.add(attribute.realm, this.#realm ?? new Uint8Array());
      writer.add(attribute.nonce, this.#nonce ?? new Uint8Array());
      addIntegrity(writer, "sha1", this.#key, stunCrypto);
    }
    addFingerprint(writer);
    return this.#exchange(id.join(), writer.bytes());
  }

  #exchange(id: string, bytes: Uint8Array): Promise<StunMessage> {
    return new Promise((resolve, reject) => {
      let left = tries;
      let cancel = (): void => {};
      const attempt = (): void => {
        if (left-- === 0) {
          this.#waiting.delete(id);
          reject(new TurnClientError(0, `no answer within ${tries * tryFor} ms`));
          return;
        }
        this.#send(bytes);
        cancel = after(tryFor, attempt);
      };
      this.#waiting.set(id, (answer) => {
        cancel();
        this.#waiting.delete(id);
        if (answer.class === "success") resolve(answer);
        else reject(new Challenge(answer));
      });
      attempt();
    });
  }
}

type Fill = (writer: MessageWriter, transactionId: Uint8Array) => void;

class Challenge extends TurnClientError {
  readonly answer: StunMessage;

  constructor(answer: StunMessage) {
    const error = decodeErrorCode(answer.value(attribute.errorCode) ?? new Uint8Array());
    super(error?.code ?? 0, `error ${error?.code ?? "without a code"} ${error?.reason ?? ""}`.trim());
    this.answer = answer;
  }
}

function address(answer: StunMessage, type: number): TransportAddress {
  return decodeAddressOf(answer.value(type) ?? new Uint8Array(), answer);
}

function decodeAddressOf(value: Uint8Array, answer: StunMessage): TransportAddress {
  const found = decodeXorAddress(value, answer.transactionId);
  if (found === undefined) throw new TurnClientError(0, "an answer without an address");
  return found;
}
