import * as mqtt from "mqtt-packet";
import { fail, ok, type Result } from "../../../shared/result.ts";
import type {
  ClientPacket,
  Connect,
  MessageProperties,
  ServerPacket,
  Subscription,
  Version,
} from "../packets.ts";
import { legacyReturnCode, reasons } from "../reason-codes.ts";
import { encodePlain, readPlain } from "./plain-packets.ts";

/** Why bytes are no packet: the reason code, and a text for people. */
export interface PacketFault {
  readonly reason: number;
  readonly text: string;
}

/** The type of a packet stands in the upper half of its first byte. */
const connectType = 1;

/**
 * Reads whole packets by mqtt-packet. The parser of a version serves every connection, because it is given one packet at a time, and
 * keeps nothing between two.
 */
export class PacketReader {
  readonly #parsers = new Map<Version, PacketParser>();
  #lastTopic = "";

  /** Reads the first packet of a connection, which names the version. */
  readFirst(bytes: Uint8Array): Result<ClientPacket, PacketFault> {
    if ((bytes[0] ?? 0) >> 4 !== connectType)
      return malformed("the first packet is not CONNECT", reasons.protocolError);
    return new PacketParser(4).read(bytes);
  }

  read(bytes: Uint8Array, version: Version): Result<ClientPacket, PacketFault> {
    const plain = readPlain(bytes, version, this.#lastTopic);
    if (plain !== undefined) {
      if (plain.type === "publish") this.#lastTopic = plain.topic;
      return ok(plain);
    }
    if ((bytes[0] ?? 0) >> 4 === connectType) return malformed("a second CONNECT", reasons.protocolError);
    let parser = this.#parsers.get(version);
    if (parser === undefined) {
      parser = new PacketParser(version);
      this.#parsers.set(version, parser);
    }
    const result = parser.read(bytes);
    // What a fault leaves in a parser is nobody's business.
    if (!result.ok) this.#parsers.delete(version);
    return result;
  }
}

class PacketParser {
  readonly #parser: mqtt.Parser;
  #packet: mqtt.Packet | undefined;
  #error: string | undefined;

  constructor(version: Version) {
    this.#parser = mqtt.parser({ protocolVersion: version });
    this.#parser.on("packet", (packet) => {
      this.#packet = packet;
    });
    this.#parser.on("error", (error: Error) => {
      this.#error = error.message;
    });
  }

  read(bytes: Uint8Array): Result<ClientPacket, PacketFault> {
    this.#packet = undefined;
    this.#error = undefined;
    try {
      // The parser keeps what it is given: payloads are views of it.
      const left = this.#parser.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      if (this.#error !== undefined) return malformed(this.#error);
      if (this.#packet === undefined || left > 0) return malformed("not one whole packet");
    } catch (error) {
      return malformed(error instanceof Error ? error.message : String(error));
    }
    return fromWire(this.#packet, bytes);
  }
}

function malformed(text: string, reason?: number): Result<never, PacketFault> {
  const unsupported = text === "Invalid protocol version" || text === "Invalid protocolId";
  return fail({
    reason: reason ?? (unsupported ? reasons.unsupportedVersion : reasons.malformedPacket),
    text,
  });
}

/** The parser gives 0 or -1 for a packet identifier that is not there. */
function fromWire(packet: mqtt.Packet, bytes: Uint8Array): Result<ClientPacket, PacketFault> {
  switch (packet.cmd) {
    case "connect":
      return connectOf(packet);
    case "publish": {
      const { messageId = 0, topic, payload, qos, retain, dup, properties } = packet;
      if (qos > 0 && messageId < 1) return malformed("a packet identifier is missing");
      if (qos === 0 && dup) return malformed("DUP with QoS 0");
      if (properties?.subscriptionIdentifier !== undefined)
        return malformed("a client sends no subscription identifier", reasons.protocolError);
      const { topicAlias } = properties ?? {};
      return ok({
        type: "publish",
        ...{ id: messageId, topic, payload: bytesOf(payload), qos, retain, dup },
        ...(topicAlias !== undefined && { topicAlias }),
        ...(properties && { properties: passedOn(properties) }),
      });
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp": {
      const { messageId = 0, reasonCode = 0 } = packet;
      if (messageId < 1) return malformed("a packet identifier is missing");
      return ok({ type: packet.cmd, id: messageId, reason: reasonCode });
    }
    case "subscribe": {
      const { messageId = 0, subscriptions, properties } = packet;
      if (messageId < 1 || subscriptions.length === 0)
        return malformed("SUBSCRIBE without filters", reasons.protocolError);
      const id = properties?.subscriptionIdentifier;
      if (id === 0) return malformed("subscription identifier 0", reasons.protocolError);
      if (subscriptions.some(({ topic, nl }) => nl === true && topic.startsWith("$share/")))
        return malformed("No Local for a shared subscription", reasons.protocolError);
      return ok({
        type: "subscribe",
        id: messageId,
        subscriptions: subscriptions.map(
          (one): Subscription => ({
            filter: one.topic,
            qos: one.qos,
            noLocal: one.nl === true,
            retainAsPublished: one.rap === true,
            retainHandling: (one.rh ?? 0) as 0 | 1 | 2,
            ...(id !== undefined && { id }),
          }),
        ),
      });
    }
    case "unsubscribe": {
      const { messageId = 0, unsubscriptions } = packet;
      if (messageId < 1 || unsubscriptions.length === 0)
        return malformed("UNSUBSCRIBE without filters", reasons.protocolError);
      return ok({ type: "unsubscribe", id: messageId, filters: unsubscriptions });
    }
    case "pingreq":
      return bytes[1] === 0 ? ok({ type: "pingreq" }) : malformed("PINGREQ with a body");
    case "disconnect":
      return ok({
        type: "disconnect",
        reason: packet.reasonCode ?? 0,
        sessionExpiry: packet.properties?.sessionExpiryInterval,
      });
    case "auth":
      return ok({ type: "auth" });
    default:
      return malformed(`a client sends no ${packet.cmd}`, reasons.protocolError);
  }
}

function connectOf(packet: mqtt.IConnectPacket): Result<Connect, PacketFault> {
  const { properties = {}, will } = packet;
  if (properties.receiveMaximum === 0 || properties.maximumPacketSize === 0)
    return malformed("a maximum is 0", reasons.protocolError);
  if ((will?.qos ?? 0) > 2) return malformed("the Will has QoS 3");
  const { protocolVersion: version = 4 } = packet;
  return ok({
    type: "connect",
    version,
    clientId: packet.clientId,
    clean: packet.clean ?? false,
    keepAlive: packet.keepalive ?? 0,
    username: packet.username,
    password: packet.password === undefined ? undefined : packet.password.toString(),
    will: will && {
      topic: will.topic,
      payload: bytesOf(will.payload),
      qos: will.qos ?? 0,
      retain: will.retain ?? false,
      delay: will.properties?.willDelayInterval ?? 0,
      ...(will.properties && { properties: passedOn(will.properties) }),
    },
    sessionExpiry: properties.sessionExpiryInterval ?? 0,
    receiveMaximum: properties.receiveMaximum ?? 65_535,
    maximumPacket: properties.maximumPacketSize ?? 0,
    wantsResponseInformation: Boolean(properties.requestResponseInformation),
    authenticationMethod: properties.authenticationMethod,
  });
}

/** The properties that go from publisher to subscriber. */
function passedOn(properties: NonNullable<mqtt.IPublishPacket["properties"]>): MessageProperties {
  const { payloadFormatIndicator, messageExpiryInterval, contentType } = properties;
  const { responseTopic, correlationData, userProperties } = properties;
  return {
    ...(payloadFormatIndicator !== undefined && { payloadFormatIndicator }),
    ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
    ...(contentType !== undefined && { contentType }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData }),
    ...(userProperties !== undefined && { userProperties: { ...userProperties } }),
  };
}

function bytesOf(payload: string | Buffer): Uint8Array {
  return typeof payload === "string" ? Buffer.from(payload) : payload;
}

/** Writes a packet. */
export function encodePacket(packet: ServerPacket, version: Version): Uint8Array<ArrayBuffer> {
  return (
    encodePlain(packet, version) ??
    new Uint8Array(mqtt.generate(toWire(packet, version), { protocolVersion: version }))
  );
}

function toWire(packet: ServerPacket, version: Version): mqtt.Packet {
  const v5 = version === 5;
  switch (packet.type) {
    case "connack": {
      const { sessionPresent, reason, text, properties } = packet;
      if (!v5) return { cmd: "connack", sessionPresent, returnCode: legacyReturnCode(reason) };
      const told = { ...properties, ...(text !== undefined && { reasonString: text }) };
      return { cmd: "connack", sessionPresent, reasonCode: reason, properties: told };
    }
    case "publish": {
      const { topic, payload, qos, retain, dup, id, properties, subscriptionIds } = packet;
      return {
        cmd: "publish",
        ...{ topic, payload: Buffer.from(payload), qos, retain, dup },
        ...(qos > 0 && { messageId: id }),
        ...(v5 &&
          (properties || subscriptionIds) && { properties: messageProperties(properties, subscriptionIds) }),
      };
    }
    case "suback": {
      const { id, reasons: granted } = packet;
      return { cmd: "suback", messageId: id, granted: [...granted] };
    }
    case "unsuback":
      return { cmd: "unsuback", messageId: packet.id, granted: v5 ? [...packet.reasons] : [] };
    case "pingresp":
      return { cmd: "pingresp" };
    case "disconnect": {
      const { reason, text } = packet;
      return {
        cmd: "disconnect",
        reasonCode: reason,
        properties: text === undefined ? {} : { reasonString: text },
      };
    }
    default: {
      const { type: cmd, id, reason } = packet;
      return v5 && reason > 0 ? { cmd, messageId: id, reasonCode: reason } : { cmd, messageId: id };
    }
  }
}

function messageProperties(
  properties: MessageProperties = {},
  subscriptionIds: readonly number[] = [],
): NonNullable<mqtt.IPublishPacket["properties"]> {
  const { correlationData, userProperties, ...others } = properties;
  return {
    ...others,
    ...(correlationData && { correlationData: Buffer.from(correlationData) }),
    ...(userProperties && { userProperties: { ...userProperties } }),
    ...(subscriptionIds.length > 0 && { subscriptionIdentifier: [...subscriptionIds] }),
  };
}

/** A text of UTF-8; undefined for other bytes. */
export function readText(payload: Uint8Array): string | undefined {
  try {
    return decoder.decode(payload);
  } catch {
    return undefined;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });
