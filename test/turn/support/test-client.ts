import { stunCrypto } from "../../../src/net/stun-crypto.ts";
import { parseAddress } from "../../../src/shared/ip-address.ts";
import { base64 } from "../../../src/turn/base64.ts";
import { attribute } from "../../../src/wire/stun/attribute-type.ts";
import {
  encodeAddressFamily,
  encodeChannelNumber,
  encodeEvenPort,
  encodeLifetime,
  encodeRequestedTransport,
} from "../../../src/wire/stun/attribute-values.ts";
import { decodeErrorCode } from "../../../src/wire/stun/error-code.ts";
import { addIntegrity, checkIntegrity, type IntegrityKind } from "../../../src/wire/stun/integrity.ts";
import { longTermKey } from "../../../src/wire/stun/long-term-key.ts";
import { parseMessage, type StunMessage } from "../../../src/wire/stun/message.ts";
import { method } from "../../../src/wire/stun/message-type.ts";
import { encodePasswordAlgorithms, passwordAlgorithm } from "../../../src/wire/stun/password-algorithms.ts";
import { encodeText } from "../../../src/wire/stun/text.ts";
import {
  decodeXorAddress,
  encodeXorAddress,
  type TransportAddress,
} from "../../../src/wire/stun/transport-address.ts";
import { MessageWriter } from "../../../src/wire/stun/writer.ts";
import type { Rig, Source } from "./rig.ts";

type Fill = (writer: MessageWriter, id: Uint8Array) => void;

/** `success`, an error's code, or nothing where there was no answer. */
export type Said = "success" | number | undefined;

/** Speaks to a {@link Rig} from one source, signs, and remembers its nonce. */
export class TestClient {
  readonly rig: Rig;
  readonly source: Source;
  username: string;
  password: string;
  kind: IntegrityKind = "sha1";
  algorithm: number | undefined;
  nonce: Uint8Array | undefined;
  offer: Uint8Array | undefined;
  last: StunMessage | undefined;
  #send = (bytes: Uint8Array): Uint8Array[] => this.rig.datagram(bytes, this.source);

  constructor(rig: Rig, from: Source, username = "alice", password = "wonder") {
    this.rig = rig;
    this.source = from;
    this.username = username;
    this.password = password;
  }

  /** With a time-limited credential of the rig's secret. */
  static rest(rig: Rig, from: Source, user: string, seconds = 3_600, secret = "north"): TestClient {
    const name = `${Math.floor(rig.now / 1_000) + seconds}:${user}`;
    const password = base64(stunCrypto.hmacSha1(encodeText(secret), [encodeText(name)]));
    return new TestClient(rig, from, name, password);
  }

  /** By a connection, which has a source that can't be forged. */
  static tcp(rig: Rig, from: Source): TestClient {
    const client = new TestClient(rig, from);
    client.#send = (bytes) => rig.byStream(bytes, from);
    return client;
  }

  get key(): Uint8Array {
    const algorithm = this.algorithm ?? passwordAlgorithm.md5;
    return longTermKey(algorithm, this.username, "turn", this.password, stunCrypto);
  }

  message(what: number, fill: Fill, id = stunCrypto.random(12)): Uint8Array {
    const writer = new MessageWriter(what, "request", id);
    fill(writer, id);
    writer.add(attribute.username, encodeText(this.username)).add(attribute.realm, encodeText("turn"));
    writer.add(attribute.nonce, this.nonce ?? new Uint8Array());
    if (this.algorithm !== undefined) {
      writer.add(attribute.passwordAlgorithms, this.offer ?? new Uint8Array());
      const one = { number: this.algorithm, parameters: new Uint8Array() };
      writer.add(attribute.passwordAlgorithm, encodePasswordAlgorithms([one]));
    }
    addIntegrity(writer, this.kind, this.key, stunCrypto);
    return writer.bytes().slice();
  }

  /** A nonce, by a request without a signature. */
  challenge(): Said {
    const bare = new MessageWriter(method.allocate, "request", stunCrypto.random(12));
    const said = this.take(
      this.#send(bare.add(attribute.requestedTransport, encodeRequestedTransport(17)).bytes()),
    );
    this.nonce = this.last?.value(attribute.nonce);
    this.offer = this.last?.value(attribute.passwordAlgorithms);
    return said;
  }

  /** Signs and sends; a stale nonce is renewed. */
  ask(what: number, fill: Fill = () => {}, id?: Uint8Array): Said {
    if (this.nonce === undefined) this.challenge();
    let said = this.take(this.#send(this.message(what, fill, id)));
    if (said !== 438) return said;
    this.nonce = this.last?.value(attribute.nonce);
    said = this.take(this.#send(this.message(what, fill, id)));
    return said;
  }

  take(answers: readonly Uint8Array[]): Said {
    if (answers.length > 1) throw new Error("more than one answer");
    this.last = answers[0] && parseMessage(answers[0]);
    if (this.last === undefined) return undefined;
    return this.last.class === "success"
      ? "success"
      : decodeErrorCode(this.last.value(attribute.errorCode) ?? new Uint8Array())?.code;
  }

  /** True when the last answer was sealed with our key. */
  get sealed(): boolean {
    return this.last !== undefined && checkIntegrity(this.last, this.kind, this.key, stunCrypto);
  }

  allocate(
    requested: {
      even?: boolean;
      family?: number;
      additional?: number;
      token?: Uint8Array;
      lifetime?: number;
    } = {},
    id?: Uint8Array,
  ): Said {
    return this.ask(
      method.allocate,
      (writer) => {
        writer.add(attribute.requestedTransport, encodeRequestedTransport(17));
        if (requested.even !== undefined) writer.add(attribute.evenPort, encodeEvenPort(requested.even));
        if (requested.family !== undefined)
          writer.add(attribute.requestedAddressFamily, encodeAddressFamily(requested.family));
        if (requested.additional !== undefined)
          writer.add(attribute.additionalAddressFamily, encodeAddressFamily(requested.additional));
        if (requested.token !== undefined) writer.add(attribute.reservationToken, requested.token);
        if (requested.lifetime !== undefined)
          writer.add(attribute.lifetime, encodeLifetime(requested.lifetime));
      },
      id,
    );
  }

  refresh(seconds?: number, family?: number): Said {
    return this.ask(method.refresh, (writer) => {
      if (seconds !== undefined) writer.add(attribute.lifetime, encodeLifetime(seconds));
      if (family !== undefined) writer.add(attribute.requestedAddressFamily, encodeAddressFamily(family));
    });
  }

  permit(...peers: string[]): Said {
    return this.ask(method.createPermission, (writer, id) => {
      for (const peer of peers) writer.add(attribute.xorPeerAddress, encodeXorAddress(at(peer, 0), id));
    });
  }

  bind(channel: number, peer: string, port: number): Said {
    return this.ask(method.channelBind, (writer, id) =>
      writer
        .add(attribute.channelNumber, encodeChannelNumber(channel))
        .add(attribute.xorPeerAddress, encodeXorAddress(at(peer, port), id)),
    );
  }

  send(peer: string, port: number, payload: string, extra: Fill = () => {}): void {
    const id = stunCrypto.random(12);
    const writer = new MessageWriter(method.send, "indication", id)
      .add(attribute.xorPeerAddress, encodeXorAddress(at(peer, port), id))
      .add(attribute.data, encodeText(payload));
    extra(writer, id);
    this.rig.datagram(writer.bytes().slice(), this.source);
  }

  channelData(channel: number, payload: string): void {
    const data = encodeText(payload);
    const bytes = Uint8Array.of(channel >> 8, channel & 255, data.length >> 8, data.length & 255, ...data);
    this.rig.datagram(bytes, this.source);
  }

  /** Relayed addresses of the last answer. */
  get relayed(): TransportAddress[] {
    return (this.last?.attributes ?? [])
      .filter(({ type }) => type === attribute.xorRelayedAddress)
      .map(({ value }) => decodeXorAddress(value, this.last?.transactionId ?? value) as TransportAddress);
  }

  /** What was relayed to this client: channel or address, and text. */
  received(): string[] {
    const mine = this.rig.sent.filter(
      (one) => one.port === this.source.port && one.address === this.source.address,
    );
    return mine.flatMap(({ bytes }) => {
      if ((bytes[0] ?? 0) >= 0x40)
        return [
          `${(((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)).toString(16)} ${Buffer.from(bytes.subarray(4))}`,
        ];
      const message = parseMessage(bytes);
      if (message?.method !== method.data) return [];
      const from = decodeXorAddress(message.value(attribute.xorPeerAddress) ?? bytes, message.transactionId);
      return [
        `${from?.address.join(".")}:${from?.port} ${Buffer.from(message.value(attribute.data) ?? bytes)}`,
      ];
    });
  }
}

function at(address: string, port: number): TransportAddress {
  return { address: parseAddress(address) as Uint8Array, port };
}
