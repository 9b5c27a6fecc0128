import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device, Outcome } from "../../signaling/device.ts";
import { done, failed } from "../../signaling/outcome.ts";
import type { Rooms } from "../../signaling/room/rooms.ts";
import type { Nodes } from "../nodes.ts";
import { devicesOf } from "./seats.ts";

export interface RoomTellingOptions {
  readonly rooms: Rooms;
  readonly nodes: Nodes;
  readonly deadlines: Deadlines;
  /** The outcome of a message that had none when it was sent. */
  answer(device: Device, room: string, id: number, outcome: Outcome, now: number): void;
}

/** Replies to messages that have not reached all receivers' nodes yet. */
export type Replies = Set<(now: number) => void>;

/** How long the reply to a message waits for the nodes of its receivers. ms */
const flushFor = 3_000;

/** What the owner of a room sends to the nodes of its members. */
export class RoomTelling {
  readonly #options: RoomTellingOptions;

  constructor(options: RoomTellingOptions) {
    this.#options = options;
  }

  /**
   * Sends a message to the room. Undefined: the outcome comes later, once the message is at all receivers' nodes that
   * answer, so that it outlives this node.
   */
  send(
    name: string,
    sent: Replies,
    from: string,
    device: Device,
    { id, body }: { readonly id: number; readonly body: unknown },
    now: number,
  ): Outcome | undefined {
    const { rooms, nodes, deadlines, answer } = this.#options;
    if (rooms.others(device, name) === undefined) return failed("no_room");
    rooms.tell(device, name, { type: "message", from: device.info, to: name, body }, now);
    // The sender's own node gets the reply after the message, through the same channel.
    const receiving = [...this.#nodesOf(name)].filter((node) => node !== from && nodes.responsive(node, now));
    let left = receiving.length;
    if (left === 0) return done;
    const reply = (later: number): void => {
      if (!sent.delete(reply)) return;
      late.cancel();
      answer(device, name, id, done, later);
    };
    sent.add(reply);
    const late = deadlines.add(now + flushFor, reply);
    for (const node of receiving)
      nodes.flushed(node, (_arrived, later) => {
        left -= 1;
        if (left === 0) reply(later);
      });
    return undefined;
  }

  /** Tells that node, or all nodes with members, what the moderators have set, so that a later owner learns it from them. */
  tellRules(name: string, node?: string): void {
    const { rooms, nodes } = this.#options;
    const rules = rooms.get(name)?.rules;
    if (rules === undefined) return;
    for (const one of node === undefined ? this.#nodesOf(name) : [node])
      nodes.send(one, { t: "room-rules", room: name, rules });
  }

  /** The other nodes with members of the room. */
  #nodesOf(name: string): Set<string> {
    const found = new Set<string>();
    for (const { node } of devicesOf(this.#options.rooms, name)) if (node !== undefined) found.add(node);
    return found;
  }
}
