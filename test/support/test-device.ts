import type { PushBody, PushType } from "../../src/protocol/pushes.ts";
import { Device, type DeviceLink, type Outcome } from "../../src/signaling/device.ts";
import type { Grants } from "../../src/signaling/grants.ts";

/** A device whose link keeps what it was told. */
export class TestDevice extends Device {
  override link: TestLink;

  constructor(address: string, grants: Grants = {}) {
    const [user = "", id = "d"] = address.split("/");
    const link = new TestLink(address);
    super({ user, id, kind: "browser", name: undefined, capabilities: {}, link, grants });
    this.link = link;
  }

  get heard(): readonly PushBody[] {
    return this.link.heard;
  }

  /** What was heard of that type since the last call for it, and forgets it. */
  take<T extends PushType>(type: T): Extract<PushBody, { type: T }>[] {
    const taken = this.link.heard.filter((push) => push.type === type);
    this.link.heard = this.link.heard.filter((push) => push.type !== type);
    return taken as Extract<PushBody, { type: T }>[];
  }
}

export class TestLink implements DeviceLink {
  readonly id: string;
  state: "live" | "suspended" | "closed" = "live";
  heard: PushBody[] = [];

  constructor(id: string) {
    this.id = id;
  }

  deliver(push: PushBody): void {
    this.heard.push(push);
  }

  reply(): void {
    throw new Error("a request of these tests has its outcome at once");
  }

  close(): void {
    this.state = "closed";
  }
}

/** The bound that the outcome's error names. */
export function limitOf(outcome: Outcome | undefined): string | undefined {
  return outcome !== undefined && "error" in outcome ? outcome.error.limit : undefined;
}

/** The code of a refused request; undefined when it was taken. */
export function codeOf(outcome: Outcome | undefined): string | undefined {
  return outcome !== undefined && "error" in outcome ? outcome.error.code : undefined;
}

/** What a request that was taken replied. */
export function okOf<T = object>(outcome: Outcome): T {
  if ("error" in outcome) throw new Error(`refused: ${outcome.error.code} ${outcome.error.message}`);
  return outcome.ok as T;
}
