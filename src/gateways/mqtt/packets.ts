// The packets of MQTT 3.1.1 and 5.0 as this gateway sees them, whatever reads and writes their bytes.

type Qos = 0 | 1 | 2;

/** 3: MQTT 3.1, 4: 3.1.1, 5: 5.0. */
export type Version = 3 | 4 | 5;

/** Properties of a message that pass through from publisher to subscriber (MQTT 5.0 §3.3.2.3). */
export interface MessageProperties {
  readonly payloadFormatIndicator?: boolean;
  /** s */
  readonly messageExpiryInterval?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  readonly userProperties?: Readonly<Record<string, string | string[]>>;
}

/** An application message. */
export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly properties?: MessageProperties;
}

export interface Will extends Message {
  /** s */
  readonly delay: number;
}

export interface Connect {
  readonly type: "connect";
  readonly version: Version;
  readonly clientId: string;
  readonly clean: boolean;
  /** s; 0: none. */
  readonly keepAlive: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly will: Will | undefined;
  /** s; of 5.0 alone. */
  readonly sessionExpiry: number;
  readonly receiveMaximum: number;
  /** Bytes of the largest packet that the client takes. */
  readonly maximumPacket: number;
  readonly wantsResponseInformation: boolean;
  /** An enhanced authentication, of which we know none. */
  readonly authenticationMethod: string | undefined;
}

export interface Publish extends Message {
  readonly type: "publish";
  /** 0 with QoS 0. */
  readonly id: number;
  readonly dup: boolean;
  readonly topicAlias?: number | undefined;
  readonly subscriptionIds?: readonly number[] | undefined;
}

export interface Subscription {
  readonly filter: string;
  readonly qos: Qos;
  readonly noLocal: boolean;
  /** The retain flag is passed on as it was published. */
  readonly retainAsPublished: boolean;
  /** 0: send what is retained; 1: only where the subscription is new; 2: don't. */
  readonly retainHandling: 0 | 1 | 2;
  readonly id?: number | undefined;
}

/** What a client sends. */
export type ClientPacket =
  | Connect
  | Publish
  | {
      readonly type: "puback" | "pubrec" | "pubrel" | "pubcomp";
      readonly id: number;
      readonly reason: number;
    }
  | { readonly type: "subscribe"; readonly id: number; readonly subscriptions: readonly Subscription[] }
  | { readonly type: "unsubscribe"; readonly id: number; readonly filters: readonly string[] }
  | { readonly type: "pingreq" }
  | { readonly type: "disconnect"; readonly reason: number; readonly sessionExpiry: number | undefined }
  | { readonly type: "auth" };

interface Connack {
  readonly type: "connack";
  readonly sessionPresent: boolean;
  /** Of 5.0; {@link legacyReturnCode} gives what 3.1.1 says. */
  readonly reason: number;
  readonly text?: string;
  readonly properties?: {
    readonly sessionExpiryInterval?: number;
    readonly assignedClientIdentifier?: string;
    readonly serverKeepAlive?: number;
    readonly responseInformation?: string;
    readonly receiveMaximum?: number;
    readonly maximumPacketSize?: number;
    readonly topicAliasMaximum?: number;
    readonly sharedSubscriptionAvailable?: boolean;
  };
}

/** What the server sends. */
export type ServerPacket =
  | Connack
  | Publish
  | {
      readonly type: "puback" | "pubrec" | "pubrel" | "pubcomp";
      readonly id: number;
      readonly reason: number;
    }
  | { readonly type: "suback" | "unsuback"; readonly id: number; readonly reasons: readonly number[] }
  | { readonly type: "pingresp" }
  | { readonly type: "disconnect"; readonly reason: number; readonly text?: string };
